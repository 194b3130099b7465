//! Who gets what of a write: pure [CIM-009 §4.3.6.2, §4.3.6.3, §5.6.1.4].

use base::Name;
use ngsi::query::TypeExpr;

use crate::registration::{Mode, Registration};

/// What of one entity a source has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Share {
    /// All of it.
    All,
    /// These attributes.
    Names(Vec<Name>),
}

/// A source that may be concerned.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) mode: Mode,
    pub(super) share: Share,
    /// Whether the operation may be asked of it.
    pub(super) does: bool,
}

/// What is written of one entity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    /// The attributes, each once.
    pub(super) names: &'a [Name],
    /// Whether more is said than attributes: a scope, an end.
    pub(super) more: bool,
}

/// Who gets what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split {
    /// Offer by offer: the attributes that it gets; `None`: it is not concerned.
    pub(super) there: Vec<Option<Vec<Name>>>,
    /// The attributes that are left for this node; `None`: nothing is left to do here.
    pub(super) here: Option<Vec<Name>>,
}

impl Share {
    /// What of the entity of that id the source has. Types that are not known can be any; an
    /// entity of a registered type may have others as well.
    pub(super) fn of(source: &Registration, id: &str, types: Option<&TypeExpr>) -> Option<Self> {
        let is_of = |offered: &[Name]| {
            types.is_none_or(|types| {
                let mut all_of = types.any_of.iter();
                all_of.any(|all_of| {
                    all_of.is_empty() || all_of.iter().any(|name| offered.contains(name))
                })
            })
        };
        let mut names: Vec<Name> = Vec::new();
        for part in &source.information {
            let mut entities = part.entities.iter();
            let covers = part.entities.is_empty()
                || entities.any(|e| e.covers_id(id) && (e.types.is_empty() || is_of(&e.types)));
            if covers && part.has_all_attributes() {
                return Some(Self::All);
            }
            names.extend(part.attributes().filter(|_| covers).cloned());
        }
        (!names.is_empty()).then_some(Self::Names(names))
    }

    fn has(&self, name: &Name) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.contains(name),
        }
    }
}

/// Splits what is written of an entity. What an exclusive or else a redirected source has goes
/// there and is not looked at any further, whether the source does the operation or not; an
/// inclusive one gets a copy of what is left; an auxiliary one is only ever read from.
pub(super) fn split(said: Said<'_>, offers: &[Offer]) -> Split {
    let mut there = vec![None; offers.len()];
    let mut left: Vec<Name> = said.names.to_vec();
    let is_bare = said.names.is_empty();
    let (mut is_taken, mut is_taken_whole) = (false, false);
    for mode in [Mode::Exclusive, Mode::Redirect] {
        let mut gone: Vec<Name> = Vec::new();
        for (offer, gets) in offers.iter().zip(&mut there) {
            if offer.mode != mode {
                continue;
            }
            *gets = share_of(&left, is_bare && !is_taken_whole, &offer.share);
            if let Some(names) = gets {
                is_taken = true;
                gone.extend(names.iter().cloned());
            }
        }
        is_taken_whole |= offers
            .iter()
            .zip(&there)
            .any(|(o, gets)| o.mode == mode && gets.is_some() && o.share == Share::All);
        left.retain(|name| !gone.contains(name));
    }
    let here = if is_bare {
        (!is_taken_whole).then(Vec::new)
    } else if left.is_empty() && is_taken && (is_taken_whole || !said.more) {
        None
    } else {
        Some(left)
    };
    if let Some(left) = &here {
        for (offer, gets) in offers.iter().zip(&mut there) {
            if offer.mode == Mode::Inclusive && offer.does {
                *gets = share_of(left, is_bare, &offer.share);
            }
        }
    }
    Split { there, here }
}

/// The part of the attributes that lies in a share; an entity without any is only there whole.
fn share_of(names: &[Name], is_bare: bool, share: &Share) -> Option<Vec<Name>> {
    if is_bare {
        return (*share == Share::All).then(Vec::new);
    }
    let part: Vec<Name> = names.iter().filter(|n| share.has(n)).cloned().collect();
    (!part.is_empty()).then_some(part)
}

#[cfg(test)]
mod tests;
