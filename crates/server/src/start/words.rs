//! The words of the start page in three languages.

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Russian,
    Chinese,
}

impl Language {
    /// All, in the order of the switch.
    pub(super) const ALL: [Self; 3] = [Self::English, Self::Russian, Self::Chinese];

    /// The tag for `lang`.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
            Self::Chinese => "zh-Hans",
        }
    }

    /// The code in the address and the cookie.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
            Self::Chinese => "zh",
        }
    }

    /// How the language calls itself.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Russian => "Русский",
            Self::Chinese => "中文",
        }
    }

    /// The short of that name for the switch.
    pub(super) fn short(self) -> &'static str {
        match self {
            Self::English => "EN",
            Self::Russian => "РУ",
            Self::Chinese => "中文",
        }
    }

    /// The language of that code.
    pub(super) fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }

    /// The first language of an `Accept-Language` header that the page has; the order of the
    /// header is taken for the preference, as browsers send it.
    pub(super) fn accepted(header: &str) -> Option<Self> {
        header.split(',').take(16).find_map(|range| {
            let tag = range.split(';').next().unwrap_or("").trim();
            Self::from_code(
                tag.split('-')
                    .next()
                    .unwrap_or("")
                    .to_ascii_lowercase()
                    .as_str(),
            )
        })
    }

    /// A number with its digits in groups, as the language writes it.
    pub(super) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let gap = match self {
            // Russian leaves four digits together.
            Self::Russian if digits.len() <= 4 => return digits,
            Self::Russian => '\u{a0}',
            Self::English | Self::Chinese => ',',
        };
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(gap);
            }
            text.push(digit);
        }
        text
    }

    /// The form that a number asks for: one, few, many.
    fn form(self, number: u64) -> usize {
        match self {
            Self::English => usize::from(number != 1),
            Self::Chinese => 0,
            Self::Russian => match (number % 10, number % 100) {
                (1, tens) if tens != 11 => 0,
                (2..=4, tens) if !(12..=14).contains(&tens) => 1,
                _ => 2,
            },
        }
    }

    /// A number and what is counted.
    pub(super) fn counted(self, number: u64, forms: &[&str; 3]) -> String {
        let form = forms.get(self.form(number)).unwrap_or(&"");
        form.replace("{n}", &self.number(number))
    }

    /// The words.
    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Russian => &RUSSIAN,
            Self::Chinese => &CHINESE,
        }
    }
}

/// Every text of the page. `{…}` is filled in.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) title: &'static str,
    pub(super) skip: &'static str,
    pub(super) language: &'static str,
    pub(super) dark: &'static str,
    pub(super) light: &'static str,
    pub(super) headline: &'static str,
    pub(super) entities: [&'static str; 3],
    pub(super) types: [&'static str; 3],
    pub(super) lead: &'static str,
    pub(super) as_of: &'static str,
    pub(super) what: &'static str,
    pub(super) kind: &'static str,
    pub(super) count: &'static str,
    pub(super) attributes: &'static str,
    pub(super) more_types: [&'static str; 3],
    pub(super) how: &'static str,
    pub(super) copy: &'static str,
    pub(super) copied: &'static str,
    pub(super) ask_types: &'static str,
    pub(super) ask_some: &'static str,
    pub(super) ask_one: &'static str,
    pub(super) ask_near: &'static str,
    pub(super) ask_count: &'static str,
    pub(super) ask_history: &'static str,
    pub(super) empty: &'static str,
    pub(super) empty_lead: &'static str,
    pub(super) bring_gtfs: &'static str,
    pub(super) bring_osm: &'static str,
    pub(super) bring_csv: &'static str,
    pub(super) bring_one: &'static str,
    pub(super) closed: &'static str,
    pub(super) closed_lead: &'static str,
    pub(super) closed_curl: &'static str,
    pub(super) token: &'static str,
    pub(super) show: &'static str,
    pub(super) forget: &'static str,
    pub(super) refused: &'static str,
    pub(super) failed: &'static str,
    pub(super) failed_lead: &'static str,
    pub(super) lost: &'static str,
    pub(super) loading: &'static str,
    pub(super) loading_lead: &'static str,
    pub(super) api: &'static str,
    pub(super) metrics: &'static str,
    pub(super) state: &'static str,
}

static ENGLISH: Words = Words {
    title: "Chorsu: the city’s node",
    skip: "Skip to content",
    language: "Language",
    dark: "Dark",
    light: "Light",
    headline: "{entities} of {types}",
    entities: ["{n} entity", "{n} entities", "{n} entities"],
    types: ["{n} type", "{n} types", "{n} types"],
    lead: "What this city says of itself, and how to ask for it.",
    as_of: "As of {time} UTC · change {change}",
    what: "What is here",
    kind: "Type",
    count: "Entities",
    attributes: "Attributes",
    more_types: [
        "and {n} more type",
        "and {n} more types",
        "and {n} more types",
    ],
    how: "How to ask",
    copy: "Copy",
    copied: "Copied",
    ask_types: "Which types are there?",
    ask_some: "Five entities of type {type}",
    ask_one: "One of them, in full",
    ask_near: "What lies within 500 m of it",
    ask_count: "How many there are",
    ask_history: "What was known of it before",
    empty: "Nothing is here yet",
    empty_lead: "Bring in the files of a city, or tell the node one thing by hand.",
    bring_gtfs: "Public transport from a GTFS file",
    bring_osm: "Streets, buildings and places from OpenStreetMap",
    bring_csv: "Time series from a table",
    bring_one: "One entity by hand",
    closed: "This node is closed",
    closed_lead: "Paste a token that allows reading. It stays in this browser tab.",
    closed_curl: "The same from the command line",
    token: "Token",
    show: "Show the city",
    forget: "Forget the token",
    refused: "That token is unknown, revoked or expired, or does not allow reading.",
    failed: "The node could not answer",
    failed_lead: "Its log says why. The page tries again by itself.",
    lost: "No answer from the node. What you see is as of {time}. Trying again…",
    loading: "The node is loading its data",
    loading_lead: "This page shows the city as soon as it is ready.",
    api: "API description",
    metrics: "Metrics",
    state: "State",
};

static RUSSIAN: Words = Words {
    title: "Chorsu: узел города",
    skip: "К содержанию",
    language: "Язык",
    dark: "Тёмная",
    light: "Светлая",
    headline: "{entities}, {types}",
    entities: ["{n} сущность", "{n} сущности", "{n} сущностей"],
    types: ["{n} тип", "{n} типа", "{n} типов"],
    lead: "Что город сообщает о себе и как об этом спросить.",
    as_of: "На {time} UTC · изменение № {change}",
    what: "Что здесь есть",
    kind: "Тип",
    count: "Сущности",
    attributes: "Атрибуты",
    more_types: ["и ещё {n} тип", "и ещё {n} типа", "и ещё {n} типов"],
    how: "Как спросить",
    copy: "Копировать",
    copied: "Скопировано",
    ask_types: "Какие есть типы?",
    ask_some: "Пять сущностей типа {type}",
    ask_one: "Одна из них целиком",
    ask_near: "Что находится в 500 м от неё",
    ask_count: "Сколько их всего",
    ask_history: "Что о ней было известно раньше",
    empty: "Здесь пока ничего нет",
    empty_lead: "Загрузите файлы города или сообщите узлу что-нибудь вручную.",
    bring_gtfs: "Общественный транспорт из файла GTFS",
    bring_osm: "Улицы, здания и места из OpenStreetMap",
    bring_csv: "Временные ряды из таблицы",
    bring_one: "Одна сущность вручную",
    closed: "Этот узел закрыт",
    closed_lead: "Вставьте токен с правом чтения. Он останется только в этой вкладке.",
    closed_curl: "То же из командной строки",
    token: "Токен",
    show: "Показать город",
    forget: "Забыть токен",
    refused: "Токен неизвестен, отозван, просрочен или не даёт права чтения.",
    failed: "Узел не смог ответить",
    failed_lead: "Причина записана в его журнале. Страница попробует снова сама.",
    lost: "Узел не отвечает. Данные на {time}. Пробуем снова…",
    loading: "Узел загружает данные",
    loading_lead: "Страница покажет город, как только узел будет готов.",
    api: "Описание API",
    metrics: "Метрики",
    state: "Состояние",
};

static CHINESE: Words = Words {
    title: "Chorsu：城市节点",
    skip: "跳到正文",
    language: "语言",
    dark: "深色",
    light: "浅色",
    headline: "{types}，{entities}",
    entities: ["{n} 个实体", "", ""],
    types: ["{n} 种类型", "", ""],
    lead: "这座城市发布了哪些数据，以及如何查询。",
    as_of: "截至 {time} UTC · 第 {change} 次变更",
    what: "现有数据",
    kind: "类型",
    count: "实体数",
    attributes: "属性",
    more_types: ["另有 {n} 种类型", "", ""],
    how: "如何查询",
    copy: "复制",
    copied: "已复制",
    ask_types: "有哪些类型？",
    ask_some: "五个 {type} 实体",
    ask_one: "其中一个的全部内容",
    ask_near: "它周围 500 米内有什么",
    ask_count: "一共有多少个",
    ask_history: "它过去的数据",
    empty: "这里还没有数据",
    empty_lead: "导入城市的数据文件，或手动写入一个实体。",
    bring_gtfs: "从 GTFS 文件导入公共交通",
    bring_osm: "从 OpenStreetMap 导入街道、建筑和地点",
    bring_csv: "从表格导入时间序列",
    bring_one: "手动写入一个实体",
    closed: "此节点需要授权",
    closed_lead: "请粘贴具有读取权限的令牌。令牌只保存在当前标签页中。",
    closed_curl: "在命令行中查询",
    token: "令牌",
    show: "显示城市数据",
    forget: "清除令牌",
    refused: "该令牌无效、已撤销、已过期，或没有读取权限。",
    failed: "节点未能响应",
    failed_lead: "原因见节点日志。页面会自动重试。",
    lost: "节点没有响应。以下数据截至 {time}。正在重试……",
    loading: "节点正在加载数据",
    loading_lead: "准备就绪后，本页会显示城市数据。",
    api: "API 说明",
    metrics: "指标",
    state: "状态",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_plurals_follow_the_language() {
        let russian = |n| Language::Russian.counted(n, &RUSSIAN.entities);
        assert_eq!(russian(1), "1 сущность");
        assert_eq!(russian(2), "2 сущности");
        assert_eq!(russian(5), "5 сущностей");
        assert_eq!(russian(11), "11 сущностей");
        assert_eq!(russian(12_021), "12\u{a0}021 сущность");
        assert_eq!(Language::English.counted(1, &ENGLISH.types), "1 type");
        assert_eq!(
            Language::English.counted(1_234_567, &ENGLISH.types),
            "1,234,567 types"
        );
        assert_eq!(Language::Chinese.counted(5, &CHINESE.types), "5 种类型");
    }

    #[test]
    fn the_browser_says_which_language() {
        assert_eq!(
            Language::accepted("de, zh-CN;q=0.8, en"),
            Some(Language::Chinese)
        );
        assert_eq!(Language::accepted("RU-ru"), Some(Language::Russian));
        assert_eq!(Language::accepted("fr,*"), None);
    }
}
