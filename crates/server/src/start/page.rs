//! The HTML of the start page. Everything from outside is escaped here.

use std::fmt::Write as _;

use base::Time;

use super::ask::{bring, code, in_url, questions, short, wire};
use super::city::City;
use super::html::{Escaped, put};
use super::words::{Language, Words};

/// Types that the page lists.
const TYPES_SHOWN_MAX: usize = 100;
/// Attribute names that the page lists of one type.
const ATTRIBUTES_SHOWN_MAX: usize = 8;
/// How the page is to look.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) language: Language,
    /// `dark` or `light` when the reader chose; else the system's.
    pub(super) theme: Option<&'static str>,
    /// The address under which the reader reached the node, as in `http://127.0.0.1:7700`.
    pub(super) base: String,
    /// Whether requests need a token.
    pub(super) closed: bool,
}

/// What the main part of the page says.
#[derive(Debug)]
pub(super) enum Main<'a> {
    City(&'a City, Time),
    Closed { refused: bool },
    Failed,
    Loading { done: u64, total: u64 },
}

/// The whole page.
pub(super) fn page(look: &Look, main: &Main<'_>) -> String {
    let words = look.language.words();
    let mut page = String::with_capacity(16 * 1024);
    let theme = look
        .theme
        .map(|theme| format!(" data-theme=\"{theme}\""))
        .unwrap_or_default();
    put!(
        page,
        "<!doctype html>\n<html lang=\"{}\"{theme}>\n<head>\n",
        look.language.tag()
    );
    put!(
        page,
        "<meta charset=\"utf-8\">\n<title>{}</title>\n",
        words.title
    );
    page.push_str(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"/start.css\">\n",
    );
    if matches!(main, Main::Loading { .. } | Main::Failed) {
        page.push_str("<meta http-equiv=\"refresh\" content=\"2\">\n");
    }
    page.push_str("<script src=\"/start.js\" defer></script>\n</head>\n<body>\n");
    put!(
        page,
        "<a class=\"skip\" href=\"#main\">{}</a>\n",
        words.skip
    );
    header(&mut page, look, words);
    put!(
        page,
        "<p id=\"lost\" class=\"lost\" role=\"status\" data-text=\"{}\" hidden></p>\n",
        words.lost
    );
    page.push_str(&body(look, main));
    footer(&mut page, words);
    page.push_str("</body>\n</html>\n");
    page
}

/// The main part alone: what the page's script fetches again and again.
pub(super) fn body(look: &Look, main: &Main<'_>) -> String {
    let words = look.language.words();
    let mut page = String::with_capacity(8 * 1024);
    let state = match main {
        Main::City(city, _) if city.types.is_empty() => "empty",
        Main::City(..) => "city",
        Main::Closed { .. } => "closed",
        Main::Failed => "failed",
        Main::Loading { .. } => "loading",
    };
    put!(
        page,
        "<main id=\"main\" data-state=\"{state}\" tabindex=\"-1\">\n"
    );
    match main {
        Main::City(city, now) if city.types.is_empty() => {
            title(&mut page, words.empty, words.empty_lead);
            as_of(&mut page, look, city, *now);
            bring(&mut page, look, words);
        }
        Main::City(city, now) => full(&mut page, look, city, *now),
        Main::Closed { refused } => closed(&mut page, look, *refused),
        Main::Failed => title(&mut page, words.failed, words.failed_lead),
        Main::Loading { done, total } => {
            title(&mut page, words.loading, words.loading_lead);
            if *total > 0 {
                put!(
                    page,
                    "<progress class=\"loading\" max=\"{total}\" value=\"{done}\"></progress>\n"
                );
            }
        }
    }
    page.push_str("</main>\n");
    page
}

fn header(page: &mut String, look: &Look, words: &Words) {
    page.push_str("<header class=\"top\">\n<a class=\"mark\" href=\"/\">");
    page.push_str(MARK);
    page.push_str("<span>Chorsu</span></a>\n");
    put!(
        page,
        "<nav class=\"switches\" aria-label=\"{}\">\n",
        words.language
    );
    for language in Language::ALL {
        let current = if language == look.language {
            " aria-current=\"true\""
        } else {
            ""
        };
        put!(
            page,
            "<a href=\"?lang={}\" hreflang=\"{1}\" lang=\"{1}\" title=\"{2}\" \
             aria-label=\"{2}\"{current}>{3}</a>\n",
            language.code(),
            language.tag(),
            language.name(),
            language.short()
        );
    }
    page.push_str("</nav>\n<nav class=\"switches theme\">\n");
    put!(
        page,
        "<a class=\"to-dark\" href=\"?theme=dark\">{}</a>\n",
        words.dark
    );
    put!(
        page,
        "<a class=\"to-light\" href=\"?theme=light\">{}</a>\n",
        words.light
    );
    page.push_str("</nav>\n</header>\n");
}

fn footer(page: &mut String, words: &Words) {
    let Words {
        api,
        metrics,
        state,
        ..
    } = words;
    put!(
        page,
        "<footer>\n<a href=\"/api\">{api}</a>\n<a href=\"/metrics\">{metrics}</a>\n\
         <a href=\"/ready\">{state}</a>\n<span>Chorsu {}</span>\n</footer>\n",
        crate::health::VERSION
    );
}

fn title(page: &mut String, headline: &str, lead: &str) {
    put!(
        page,
        "<h1 id=\"headline\" data-live>{}</h1>\n",
        Escaped(headline)
    );
    put!(page, "<p class=\"lead\">{}</p>\n", Escaped(lead));
}

fn as_of(page: &mut String, look: &Look, city: &City, now: Time) {
    let stamp = now.to_string();
    let time = stamp
        .split_once('T')
        .map_or("", |(_, time)| time.get(..8).unwrap_or(""));
    let text = look.language.words().as_of.replace("{time}", time);
    let text = text.replace("{change}", &look.language.number(city.change));
    put!(
        page,
        "<p id=\"as-of\" class=\"as-of\" data-live data-time=\"{time}\">{text}</p>\n"
    );
    if look.closed {
        let forget = look.language.words().forget;
        put!(
            page,
            "<button type=\"button\" id=\"forget\" class=\"quiet\">{forget}</button>\n"
        );
    }
}

fn full(page: &mut String, look: &Look, city: &City, now: Time) {
    let (language, words) = (look.language, look.language.words());
    let types = u64::try_from(city.types.len()).unwrap_or(u64::MAX);
    let headline = words
        .headline
        .replace(
            "{entities}",
            &language.counted(city.entities, &words.entities),
        )
        .replace("{types}", &language.counted(types, &words.types));
    title(page, &headline, words.lead);
    as_of(page, look, city, now);
    put!(
        page,
        "<section aria-labelledby=\"what\">\n<h2 id=\"what\">{}</h2>\n",
        words.what
    );
    table(page, look, city);
    page.push_str("</section>\n");
    if let Some(example) = &city.example {
        put!(
            page,
            "<section aria-labelledby=\"how\">\n<h2 id=\"how\">{}</h2>\n",
            words.how
        );
        for (question, line) in questions(look, example) {
            code(page, words, &question, &line);
        }
        page.push_str("</section>\n");
    }
}

fn table(page: &mut String, look: &Look, city: &City) {
    let (language, words) = (look.language, look.language.words());
    put!(
        page,
        "<table>\n<thead><tr><th scope=\"col\">{}</th><th scope=\"col\" class=\"count\">{}</th>\
         <th scope=\"col\">{}</th></tr></thead>\n<tbody id=\"types\" data-live>\n",
        words.kind,
        words.count,
        words.attributes
    );
    let most = city.types.first().map_or(1, |first| first.entities.max(1));
    for kind in city.types.iter().take(TYPES_SHOWN_MAX) {
        let short = short(&kind.name);
        page.push_str("<tr><th scope=\"row\">");
        if look.closed {
            put!(
                page,
                "<span title=\"{}\">{}</span>",
                Escaped(&kind.name),
                Escaped(short)
            );
        } else {
            put!(
                page,
                "<a href=\"/ngsi-ld/v1/entities?type={}&amp;format=simplified\" title=\"{}\">{}</a>",
                in_url(wire(&kind.name)),
                Escaped(&kind.name),
                Escaped(short)
            );
        }
        put!(
            page,
            "</th><td class=\"count\">{}<progress max=\"{most}\" value=\"{}\" aria-hidden=\"true\">\
             </progress></td><td class=\"attributes\">",
            language.number(kind.entities),
            kind.entities
        );
        attributes(page, kind);
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody>\n</table>\n");
    let hidden = city.types.len().saturating_sub(TYPES_SHOWN_MAX);
    if hidden > 0 {
        let hidden = u64::try_from(hidden).unwrap_or(u64::MAX);
        put!(
            page,
            "<p class=\"more\">{}</p>\n",
            language.counted(hidden, &words.more_types)
        );
    }
}

fn attributes(page: &mut String, kind: &ports::TypeCensus) {
    let mut names: Vec<&str> = kind
        .attributes
        .iter()
        .map(|(name, ..)| short(name))
        .collect();
    names.dedup();
    for (place, name) in names.iter().take(ATTRIBUTES_SHOWN_MAX).enumerate() {
        put!(
            page,
            "{}{}",
            if place > 0 { ", " } else { "" },
            Escaped(name)
        );
    }
    let hidden = names.len().saturating_sub(ATTRIBUTES_SHOWN_MAX);
    if hidden > 0 {
        put!(
            page,
            " <span title=\"{}\">+{hidden}</span>",
            Escaped(&names.join(", "))
        );
    }
}

fn closed(page: &mut String, look: &Look, refused: bool) {
    let words = look.language.words();
    title(page, words.closed, words.closed_lead);
    let described = if refused {
        " aria-invalid=\"true\" aria-describedby=\"refused\""
    } else {
        ""
    };
    put!(
        page,
        "<form id=\"token-form\" class=\"token\">\n<label for=\"token\">{}</label>\n\
         <input id=\"token\" type=\"password\" autocomplete=\"off\" spellcheck=\"false\" required \
         placeholder=\"chorsu_…\"{described}>\n<button>{}</button>\n</form>\n",
        words.token,
        words.show
    );
    if refused {
        put!(
            page,
            "<p id=\"refused\" class=\"refused\" role=\"alert\">{}</p>\n",
            words.refused
        );
    }
    page.push_str("<section>\n");
    let line = format!(
        "curl -s -H \"Authorization: Bearer $CHORSU_TOKEN\" '{}/ngsi-ld/v1/types'",
        look.base
    );
    code(page, words, words.closed_curl, &line);
    page.push_str("</section>\n");
}

/// Four ways that meet.
const MARK: &str = "<svg viewBox=\"0 0 24 24\" width=\"24\" height=\"24\" aria-hidden=\"true\">\
<path d=\"M12 2v7M12 15v7M2 12h7M15 12h7\" stroke=\"currentColor\" stroke-width=\"2.5\" \
stroke-linecap=\"round\"/><circle cx=\"12\" cy=\"12\" r=\"3\" fill=\"none\" \
stroke=\"currentColor\" stroke-width=\"2.5\"/></svg>";

/// The icon of the page.
pub(super) const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\">\
<g stroke=\"#0b5cad\" stroke-width=\"2.5\" stroke-linecap=\"round\" fill=\"none\">\
<path d=\"M12 2v7M12 15v7M2 12h7M15 12h7\"/><circle cx=\"12\" cy=\"12\" r=\"3\"/></g></svg>";

#[cfg(test)]
mod tests {
    use base::Name;
    use ngsi::AttributeKind;
    use ports::TypeCensus;

    use super::super::city::Example;
    use super::*;

    fn look() -> Look {
        Look {
            language: Language::English,
            theme: None,
            base: "http://127.0.0.1:7700".to_owned(),
            closed: false,
        }
    }

    fn city(kind: &str, id: &str) -> City {
        City {
            types: vec![TypeCensus {
                name: Name::from(kind),
                entities: 1_234,
                attributes: vec![(Name::from("https://e/a<b"), AttributeKind::Property, 3)],
            }],
            entities: 1_234,
            change: 7,
            example: Some(Example {
                id: id.to_owned(),
                kind: kind.to_owned(),
                place: Some((23.9, 54.9)),
            }),
        }
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let city = city("https://e/<script>alert(1)</script>", "urn:'\"><img src=x>");
        let page = page(&look(), &Main::City(&city, Time(0)));
        assert!(
            !page.contains("<script>alert") && !page.contains("<img"),
            "{page}"
        );
        assert!(page.contains("a&lt;b"));
        assert!(!page.contains("urn:'"));
    }

    #[test]
    fn the_page_says_what_is_there_and_how_to_ask() {
        let kind = "https://uri.etsi.org/ngsi-ld/default-context/Stop";
        let page = page(&look(), &Main::City(&city(kind, "urn:a"), Time(0)));
        assert!(page.contains("1,234 entities of 1 type"));
        assert!(page.contains("entities?type=Stop&amp;limit=5"));
        assert!(page.contains("coordinates=%5B23.9,54.9%5D"));
        assert!(!page.contains("http://fonts") && !page.contains("https://cdn"));
    }

    #[test]
    fn an_empty_a_closed_and_a_loading_node_say_so() {
        let empty = City {
            types: Vec::new(),
            entities: 0,
            change: 0,
            example: None,
        };
        let text = |main: &Main<'_>| page(&look(), main);
        assert!(text(&Main::City(&empty, Time(0))).contains("chorsu import gtfs"));
        assert!(text(&Main::Closed { refused: false }).contains("id=\"token-form\""));
        assert!(text(&Main::Closed { refused: true }).contains("role=\"alert\""));
        assert!(text(&Main::Loading { done: 1, total: 2 }).contains("http-equiv=\"refresh\""));
    }
}
