//! Splitting a write loses nothing and gives nothing twice.

use super::*;

fn names(text: &str) -> Vec<Name> {
    text.split_whitespace().map(Name::from).collect()
}

fn offer(mode: Mode, share: &str) -> Offer {
    let share = match share {
        "*" => Share::All,
        text => Share::Names(names(text)),
    };
    Offer {
        mode,
        share,
        does: true,
    }
}

fn run(said: &str, offers: &[Offer]) -> Split {
    let names = names(said);
    let said = Said {
        names: &names,
        more: false,
    };
    split(said, offers)
}

#[test]
fn what_is_exclusive_goes_there_and_the_rest_stays() {
    let split = run("speed colour", &[offer(Mode::Exclusive, "speed weight")]);
    assert_eq!(split.there, [Some(names("speed"))]);
    assert_eq!(split.here, Some(names("colour")));
}

#[test]
fn nothing_is_done_here_when_all_of_it_is_elsewhere() {
    let split = run("speed", &[offer(Mode::Exclusive, "speed")]);
    assert_eq!(split.here, None);
    let split = run("speed", &[offer(Mode::Redirect, "*")]);
    assert_eq!(split.here, None);
    let split = run("", &[offer(Mode::Redirect, "*")]);
    assert_eq!((split.there, split.here), (vec![Some(vec![])], None));
}

#[test]
fn every_redirected_source_gets_what_no_exclusive_one_has() {
    let offers = [
        offer(Mode::Redirect, "*"),
        offer(Mode::Exclusive, "speed"),
        offer(Mode::Redirect, "speed colour"),
    ];
    let split = run("speed colour", &offers);
    let colour = Some(names("colour"));
    assert_eq!(split.there, [colour.clone(), Some(names("speed")), colour]);
    assert_eq!(split.here, None);
}

#[test]
fn an_inclusive_source_gets_a_copy_and_an_auxiliary_one_nothing() {
    let offers = [offer(Mode::Inclusive, "*"), offer(Mode::Auxiliary, "*")];
    let split = run("speed", &offers);
    assert_eq!(split.there, [Some(names("speed")), None]);
    assert_eq!(split.here, Some(names("speed")));
}

#[test]
fn a_source_that_does_not_do_it_keeps_what_is_its_own() {
    let mut redirect = offer(Mode::Redirect, "speed");
    redirect.does = false;
    let mut inclusive = offer(Mode::Inclusive, "*");
    inclusive.does = false;
    let split = run("speed colour", &[redirect, inclusive]);
    assert_eq!(split.there, [Some(names("speed")), None]);
    assert_eq!(split.here, Some(names("colour")));
}

#[test]
fn a_scope_stays_here_when_only_attributes_are_elsewhere() {
    let speed = names("speed");
    let said = Said {
        names: &speed,
        more: true,
    };
    let split_to = |share| split(said, &[offer(Mode::Redirect, share)]).here;
    assert_eq!(split_to("speed"), Some(vec![]));
    assert_eq!(split_to("*"), None);
}

/// Every way to give four sources a mode and a share out of few: what is written reaches exactly
/// those who should have it.
#[test]
fn splitting_loses_and_doubles_nothing() {
    let shares = ["*", "a", "b c", "z"];
    let said = names("a b c d");
    let kinds: Vec<Offer> = Mode::ALL
        .into_iter()
        .flat_map(|mode| shares.map(|share| offer(mode, share)))
        .collect();
    for first in &kinds {
        for second in &kinds {
            for third in &kinds {
                let offers = [first.clone(), second.clone(), third.clone()];
                check(&said, &offers);
            }
        }
    }
}

fn check(said: &[Name], offers: &[Offer]) {
    let split = split(
        Said {
            names: said,
            more: false,
        },
        offers,
    );
    let here = split.here.clone().unwrap_or_default();
    for name in said {
        let holders = |mode: Mode| {
            let of_mode = offers
                .iter()
                .zip(&split.there)
                .filter(|(o, _)| o.mode == mode);
            let able = of_mode.clone().filter(|(o, _)| o.share.has(name)).count();
            let given = of_mode
                .filter(|(_, gets)| gets.as_ref().is_some_and(|g| g.contains(name)))
                .count();
            (able, given)
        };
        let (exclusive, redirect) = (holders(Mode::Exclusive), holders(Mode::Redirect));
        let (inclusive, auxiliary) = (holders(Mode::Inclusive), holders(Mode::Auxiliary));
        assert_eq!(exclusive.0, exclusive.1, "{offers:?}");
        let rest = usize::from(exclusive.0 == 0);
        assert_eq!(redirect.1, redirect.0 * rest, "{offers:?}");
        let is_here = exclusive.0 + redirect.0 == 0;
        assert_eq!(
            here.iter().filter(|n| *n == name).count(),
            usize::from(is_here)
        );
        assert_eq!(inclusive.1, inclusive.0 * usize::from(is_here));
        assert_eq!(auxiliary.1, 0);
    }
    // Nobody gets what was not said, and nothing twice.
    for gets in split.there.iter().flatten().chain(&split.here) {
        assert!(gets.iter().all(|name| said.contains(name)));
        let mut once = gets.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), gets.len());
    }
}
