//! How an answer says that some of its instances are no longer kept: by the header
//! `Chorsu-Rolled-Up` with the periods into which they were rolled up, such as
//! `PT1H, P1D; edges=inexact; unknown="distinctCount"`.
//!
//! `edges=inexact`: a period lies across the edge of one of the answer, its instances count where it
//! begins. `unknown`: methods that were asked for and cannot be answered for such periods.

use std::collections::BTreeSet;

use axum::response::Response;
use base::Time;
use broker::past::Past;
use http::{HeaderName, HeaderValue};
use ngsi::aggregate::Blur;
use ngsi::render::temporal::Cut;
use ngsi::temporal::Span;

use super::aggregate::Sums;

const ROLLED_UP: HeaderName = HeaderName::from_static("chorsu-rolled-up");

/// What is rolled up of the instances shown.
pub(super) fn of_pasts(pasts: &[Past], span: &Span, cut: Option<Cut>) -> Option<Blur> {
    let series = pasts.iter().flat_map(|past| &past.evolution.series);
    let instances = series.flat_map(|series| &series.instances);
    let kept = instances
        .filter(|instance| cut.is_none_or(|cut| cut.keeps(span.moment_of(&instance.attribute))));
    let periods: BTreeSet<i64> = kept
        .filter_map(|instance| Some(instance.as_rolled()?.period))
        .collect();
    (!periods.is_empty()).then(|| Blur {
        periods,
        ..Blur::default()
    })
}

/// What is rolled up of that which was aggregated; `end` is where the time asked for ends.
pub(super) fn of_sums(all: &[Sums<'_>], end: Option<Time>) -> Option<Blur> {
    let sums = all.iter().flat_map(|sums| &sums.attributes);
    sums.filter_map(|(_, sum)| sum.blur(end))
        .reduce(|mut all, blur| {
            all.unite(blur);
            all
        })
}

/// Says so in the answer.
pub(super) fn mark(response: &mut Response, blur: Option<Blur>) {
    let Some(blur) = blur else { return };
    let mut text = blur.period_texts().join(", ");
    if blur.is_across {
        text.push_str("; edges=inexact");
    }
    if !blur.unknown.is_empty() {
        let words: Vec<&str> = blur.unknown.iter().map(|method| method.word()).collect();
        text.extend(["; unknown=\"", &words.join(" "), "\""]);
    }
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(ROLLED_UP, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ngsi::aggregate::Method;

    #[test]
    fn the_header_says_what_is_not_raw_and_what_is_not_known() {
        let header = |blur| {
            let mut response = Response::default();
            mark(&mut response, blur);
            let value = response.headers().get(ROLLED_UP).cloned();
            value.and_then(|value| value.to_str().ok().map(str::to_owned))
        };
        let blur = Blur {
            periods: [86_400_000_000, 3_600_000_000].into(),
            is_across: true,
            unknown: vec![Method::DistinctCount],
        };
        let expected = "PT1H, P1D; edges=inexact; unknown=\"distinctCount\"";
        assert_eq!(header(Some(blur)).as_deref(), Some(expected));
        assert_eq!(header(None), None);
    }
}
