//! Names in three languages, made of words so that no two streets need the same.

use ingest::entity::Text;

/// A name in English, Russian and Chinese.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) en: String,
    pub(crate) ru: String,
    pub(crate) zh: String,
}

impl Name {
    pub(crate) fn new(en: impl Into<String>, ru: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            ru: ru.into(),
            zh: zh.into(),
        }
    }

    fn fixed([en, ru, zh]: [&str; 3]) -> Self {
        Self::new(en, ru, zh)
    }

    /// The name with more words after it.
    pub(crate) fn and(&self, en: &str, ru: &str, zh: &str) -> Self {
        Self::new(
            format!("{}{en}", self.en),
            format!("{}{ru}", self.ru),
            format!("{}{zh}", self.zh),
        )
    }

    /// Two names joined, as of a crossing.
    pub(crate) fn with(&self, other: &Self) -> Self {
        Self::new(
            format!("{} / {}", self.en, other.en),
            format!("{} / {}", self.ru, other.ru),
            format!("{} / {}", self.zh, other.zh),
        )
    }

    /// As entities carry it.
    pub(crate) fn text(&self) -> Text {
        Text::Languages(vec![
            ("en".to_owned(), self.en.clone()),
            ("ru".to_owned(), self.ru.clone()),
            ("zh".to_owned(), self.zh.clone()),
        ])
    }
}

/// The city.
pub(crate) fn city() -> Name {
    Name::new("Navrud", "Навруд", "纳夫鲁德")
}

/// The river.
pub(crate) fn river() -> Name {
    Name::new("Sabzrud", "Сабзруд", "萨布兹河")
}

/// A district by its number, the centre first.
pub(crate) fn district(number: usize) -> Name {
    Name::fixed(DISTRICTS[number % DISTRICTS.len()])
}

/// What a street is, and so how it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Avenue,
    Street,
    Lane,
    Boulevard,
    Embankment,
}

/// A street of a kind by its number; numbers far apart give numbered streets.
pub(crate) fn street(way: Way, number: usize) -> Name {
    let [en, she, he, zh] = WORDS[number % WORDS.len()];
    let round = number / WORDS.len();
    let name = match way {
        Way::Avenue => [
            format!("{en} Avenue"),
            format!("{he} проспект"),
            format!("{zh}大道"),
        ],
        Way::Street => [
            format!("{en} Street"),
            format!("{she} улица"),
            format!("{zh}街"),
        ],
        Way::Lane => [
            format!("{en} Lane"),
            format!("{he} переулок"),
            format!("{zh}巷"),
        ],
        Way::Boulevard => [
            format!("{en} Boulevard"),
            format!("{he} бульвар"),
            format!("{zh}林荫道"),
        ],
        Way::Embankment => [
            format!("{en} Embankment"),
            format!("{she} набережная"),
            format!("{zh}沿河路"),
        ],
    };
    let [en, ru, zh] = name;
    if round == 0 {
        return Name::new(en, ru, zh);
    }
    let ordinal = round + 1;
    let ending = if matches!(way, Way::Street | Way::Embankment) {
        "я"
    } else {
        "й"
    };
    Name::new(
        format!("{en} No. {ordinal}"),
        format!("{ordinal}-{ending} {ru}"),
        format!("{zh}{ordinal}段"),
    )
}

/// The motorway around the city.
pub(crate) fn ring() -> Name {
    Name::new(
        "Navrud Ring Road",
        "Наврудская кольцевая дорога",
        "纳夫鲁德环城高速",
    )
}

/// A road out of the city.
pub(crate) fn highway(number: usize) -> Name {
    Name::fixed(HIGHWAYS[number % HIGHWAYS.len()])
}

/// A park.
pub(crate) fn park(number: usize) -> Name {
    let [en, _, he, zh] = WORDS[(number * 7 + 3) % WORDS.len()];
    Name::new(
        format!("{en} Park"),
        format!("{he} парк"),
        format!("{zh}公园"),
    )
}

/// A ship.
pub(crate) fn ship(number: usize) -> Name {
    let [en, ru, zh] = SHIPS[number % SHIPS.len()];
    let round = number / SHIPS.len();
    if round == 0 {
        Name::new(en, ru, zh)
    } else {
        let ordinal = round + 1;
        Name::fixed([en, ru, zh]).and(
            &format!(" {ordinal}"),
            &format!("-{ordinal}"),
            &format!("{ordinal}号"),
        )
    }
}

/// A room of the museum.
pub(crate) fn room(number: usize) -> Name {
    Name::fixed(ROOMS[number % ROOMS.len()])
}

/// English, feminine and masculine Russian, Chinese.
const WORDS: [[&str; 4]; 72] = [
    ["Pomegranate", "Гранатовая", "Гранатовый", "石榴"],
    ["Mulberry", "Тутовая", "Тутовый", "桑树"],
    ["Plane-tree", "Чинаровая", "Чинаровый", "悬铃"],
    ["Observatory", "Обсерваторная", "Обсерваторный", "天文台"],
    ["Silk", "Шёлковая", "Шёлковый", "丝绸"],
    ["Caravan", "Караванная", "Караванный", "商队"],
    ["Garden", "Садовая", "Садовый", "花园"],
    ["Almond", "Миндальная", "Миндальный", "杏仁"],
    ["Apricot", "Абрикосовая", "Абрикосовый", "杏花"],
    ["University", "Университетская", "Университетский", "大学"],
    ["Bazaar", "Базарная", "Базарный", "集市"],
    ["Poplar", "Тополиная", "Тополиный", "白杨"],
    ["Walnut", "Ореховая", "Ореховый", "核桃"],
    ["Spring", "Родниковая", "Родниковый", "泉水"],
    ["Potters", "Гончарная", "Гончарный", "陶匠"],
    ["Coppersmiths", "Медная", "Медный", "铜匠"],
    ["Carpet", "Ковровая", "Ковровый", "地毯"],
    ["Theatre", "Театральная", "Театральный", "剧院"],
    ["Museum", "Музейная", "Музейный", "博物馆"],
    ["Library", "Библиотечная", "Библиотечный", "图书馆"],
    ["Steppe", "Степная", "Степной", "草原"],
    ["River", "Речная", "Речной", "河"],
    ["Forest", "Лесная", "Лесной", "森林"],
    ["Mountain", "Горная", "Горный", "山"],
    ["Sunrise", "Восходная", "Восходный", "日出"],
    ["Evening", "Вечерняя", "Вечерний", "黄昏"],
    ["Morning", "Утренняя", "Утренний", "清晨"],
    ["Star", "Звёздная", "Звёздный", "星"],
    ["Lunar", "Лунная", "Лунный", "月"],
    ["Solar", "Солнечная", "Солнечный", "太阳"],
    ["Saffron", "Шафрановая", "Шафрановый", "藏红花"],
    ["Cotton", "Хлопковая", "Хлопковый", "棉花"],
    ["Quince", "Айвовая", "Айвовый", "榅桲"],
    ["Cherry", "Вишнёвая", "Вишнёвый", "樱桃"],
    ["Vineyard", "Виноградная", "Виноградный", "葡萄"],
    ["Fig", "Инжирная", "Инжирный", "无花果"],
    ["Pistachio", "Фисташковая", "Фисташковый", "开心果"],
    ["Juniper", "Арчовая", "Арчовый", "刺柏"],
    ["Elm", "Карагачевая", "Карагачевый", "榆树"],
    ["Willow", "Ивовая", "Ивовый", "柳树"],
    ["Rose", "Розовая", "Розовый", "玫瑰"],
    ["Tulip", "Тюльпановая", "Тюльпановый", "郁金香"],
    ["Jasmine", "Жасминовая", "Жасминовый", "茉莉"],
    ["Basil", "Базиликовая", "Базиликовый", "罗勒"],
    ["Honey", "Медовая", "Медовый", "蜂蜜"],
    ["Melon", "Дынная", "Дынный", "甜瓜"],
    ["Mill", "Мельничная", "Мельничный", "磨坊"],
    ["Bridge", "Мостовая", "Мостовой", "桥"],
    ["Harbour", "Портовая", "Портовый", "港口"],
    ["Sailors", "Матросская", "Матросский", "水手"],
    ["Anchor", "Якорная", "Якорный", "船锚"],
    ["Railway", "Вокзальная", "Вокзальный", "铁路"],
    ["Foundry", "Литейная", "Литейный", "铸造"],
    ["Factory", "Заводская", "Заводской", "工厂"],
    ["Turquoise", "Бирюзовая", "Бирюзовый", "绿松石"],
    ["Amber", "Янтарная", "Янтарный", "琥珀"],
    ["Pearl", "Жемчужная", "Жемчужный", "珍珠"],
    ["Lapis", "Лазуритовая", "Лазуритовый", "青金石"],
    ["Blue-dome", "Голубая", "Голубой", "蓝顶"],
    ["White-stone", "Белокаменная", "Белокаменный", "白石"],
    ["Green", "Зелёная", "Зелёный", "绿荫"],
    ["Quiet", "Тихая", "Тихий", "静"],
    ["Wide", "Широкая", "Широкий", "宽"],
    ["Sunny-hill", "Холмистая", "Холмистый", "阳坡"],
    ["Falcon", "Соколиная", "Соколиный", "猎鹰"],
    ["Crane", "Журавлиная", "Журавлиный", "鹤"],
    ["Stork", "Аистовая", "Аистовый", "鹳"],
    ["Nightingale", "Соловьиная", "Соловьиный", "夜莺"],
    ["Poets", "Поэтическая", "Поэтический", "诗人"],
    ["Masters", "Мастеровая", "Мастеровой", "匠人"],
    ["Physicians", "Лекарская", "Лекарский", "医师"],
    ["Friendship", "Дружеская", "Дружеский", "友谊"],
];

const DISTRICTS: [[&str; 3]; 24] = [
    ["Markaz", "Марказ", "马尔卡兹"],
    ["Chinorzor", "Чинарзор", "奇诺尔佐尔"],
    ["Gulbogh", "Гульбог", "古尔博格"],
    ["Sebzor", "Себзор", "塞布佐尔"],
    ["Bandar", "Бандар", "班达尔"],
    ["Daryobod", "Дарьёбод", "达里奥博德"],
    ["Anorzor", "Анорзор", "阿诺尔佐尔"],
    ["Tutzor", "Тутзор", "图特佐尔"],
    ["Navbahor", "Навбахор", "纳夫巴霍尔"],
    ["Kuhandiz", "Кухандиз", "库汉迪兹"],
    ["Rabot", "Работ", "拉博特"],
    ["Zargarlik", "Заргарлик", "扎尔加尔利克"],
    ["Misgaron", "Мисгарон", "米斯加隆"],
    ["Bodomzor", "Бодомзор", "博多姆佐尔"],
    ["Kamolon", "Камолон", "卡莫隆"],
    ["Sangtosh", "Сангтош", "桑格托什"],
    ["Shamsobod", "Шамсобод", "沙姆索博德"],
    ["Mirobod", "Миробод", "米罗博德"],
    ["Ohangaron", "Охангарон", "奥汉加隆"],
    ["Yangiqadam", "Янгикадам", "扬吉卡达姆"],
    ["Lolazor", "Лолазор", "洛拉佐尔"],
    ["Pistazor", "Пистазор", "皮斯塔佐尔"],
    ["Zarafrud", "Зарафруд", "扎拉夫鲁德"],
    ["Dashtobod", "Даштобод", "达什托博德"],
];

const HIGHWAYS: [[&str; 3]; 4] = [
    ["Eastern Highway", "Восточный тракт", "东部公路"],
    ["Northern Highway", "Северный тракт", "北部公路"],
    ["Western Highway", "Западный тракт", "西部公路"],
    ["Southern Highway", "Южный тракт", "南部公路"],
];

const SHIPS: [[&str; 3]; 16] = [
    ["Laylak", "Лайлак", "鹳号"],
    ["Shunqor", "Шункор", "矛隼号"],
    ["Oqsoq Kema", "Оксок Кема", "老船号"],
    ["Moviy To'lqin", "Мовий Тулкин", "蓝浪号"],
    ["Humo", "Хумо", "胡莫号"],
    ["Zarnigor", "Зарнигор", "金画号"],
    ["Parvoz", "Парвоз", "飞翔号"],
    ["Sohil", "Сохил", "河岸号"],
    ["Nilufar", "Нилуфар", "睡莲号"],
    ["Yulduz", "Юлдуз", "星辰号"],
    ["Bahor", "Бахор", "春天号"],
    ["Shamol", "Шамол", "风号"],
    ["Karvon", "Карвон", "商队号"],
    ["Tong", "Тонг", "黎明号"],
    ["Anqo", "Анко", "安科号"],
    ["Sabo", "Сабо", "微风号"],
];

const ROOMS: [[&str; 3]; 12] = [
    ["Hall of Silk", "Зал шёлка", "丝绸厅"],
    ["Hall of Ceramics", "Зал керамики", "陶瓷厅"],
    ["Hall of Miniatures", "Зал миниатюр", "细密画厅"],
    ["Hall of Manuscripts", "Зал рукописей", "手稿厅"],
    ["Hall of Coins", "Зал монет", "钱币厅"],
    ["Hall of Carpets", "Зал ковров", "地毯厅"],
    ["Hall of Astronomy", "Зал астрономии", "天文厅"],
    ["Hall of the River", "Зал реки", "河流厅"],
    ["Hall of Caravans", "Зал караванов", "商队厅"],
    ["Hall of Music", "Зал музыки", "音乐厅"],
    ["Hall of Jewellery", "Зал украшений", "珠宝厅"],
    ["Store of Paintings", "Хранилище живописи", "绘画库房"],
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_streets_share_a_name_in_any_language() {
        let (mut en, mut ru, mut zh) = (HashSet::new(), HashSet::new(), HashSet::new());
        let ways = [
            Way::Avenue,
            Way::Street,
            Way::Lane,
            Way::Boulevard,
            Way::Embankment,
        ];
        for way in ways {
            for number in 0..300 {
                let name = street(way, number);
                assert!(en.insert(name.en.clone()), "{name:?}");
                assert!(ru.insert(name.ru.clone()), "{name:?}");
                assert!(zh.insert(name.zh.clone()), "{name:?}");
            }
        }
    }
}
