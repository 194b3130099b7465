//! The geo-relations of NGSI-LD and the predicate of a geo-query [CIM-009 §4.10].

use std::fmt;
use std::str::FromStr;

use crate::distance::between;
use crate::relate::{equals, intersects, overlaps, within};
use crate::shape::Shape;
use crate::{Envelope, Error, Geometry};

/// How the geometry of an entity shall lie to the geometry of the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Georel {
    /// At most or at least so many metres away; at least one bound is there.
    Near {
        /// At most so far, in metres.
        max_distance: Option<f64>,
        /// At least so far, in metres.
        min_distance: Option<f64>,
    },
    /// The entity's lies within the query's.
    Within,
    /// The entity's contains the query's.
    Contains,
    /// They share a place.
    Intersects,
    /// They are the same set of places.
    Equals,
    /// They share no place.
    Disjoint,
    /// They are of one dimension and share some, not all, of their interiors.
    Overlaps,
}

impl FromStr for Georel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.split(';');
        let relation = match parts.next().unwrap_or_default() {
            "near" => return near(text, parts),
            "within" => Self::Within,
            "contains" => Self::Contains,
            "intersects" => Self::Intersects,
            "equals" => Self::Equals,
            "disjoint" => Self::Disjoint,
            "overlaps" => Self::Overlaps,
            _ => return Err(unknown(text)),
        };
        if parts.next().is_some() {
            Err(unknown(text))
        } else {
            Ok(relation)
        }
    }
}

fn unknown(text: &str) -> Error {
    Error::UnknownRelation(text.chars().take(64).collect())
}

fn near<'t>(text: &str, modifiers: impl Iterator<Item = &'t str>) -> Result<Georel, Error> {
    let (mut max_distance, mut min_distance) = (None, None);
    for modifier in modifiers {
        let (name, metres) = modifier.split_once("==").ok_or_else(|| unknown(text))?;
        let bound = match name {
            "maxDistance" => &mut max_distance,
            "minDistance" => &mut min_distance,
            _ => return Err(unknown(text)),
        };
        let distance = || Error::Distance(metres.chars().take(64).collect());
        let number: f64 = metres.parse().map_err(|_not_a_number| distance())?;
        if !number.is_finite() || number < 0.0 || bound.replace(number).is_some() {
            return Err(distance());
        }
    }
    if max_distance.is_none() && min_distance.is_none() {
        return Err(Error::NoDistance);
    }
    Ok(Georel::Near {
        max_distance,
        min_distance,
    })
}

impl fmt::Display for Georel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Near {
                max_distance,
                min_distance,
            } => {
                f.write_str("near")?;
                if let Some(metres) = max_distance {
                    write!(f, ";maxDistance=={metres}")?;
                }
                if let Some(metres) = min_distance {
                    write!(f, ";minDistance=={metres}")?;
                }
                Ok(())
            }
            Self::Within => f.write_str("within"),
            Self::Contains => f.write_str("contains"),
            Self::Intersects => f.write_str("intersects"),
            Self::Equals => f.write_str("equals"),
            Self::Disjoint => f.write_str("disjoint"),
            Self::Overlaps => f.write_str("overlaps"),
        }
    }
}

/// A relation and the geometry of the query, prepared to be asked about many subjects.
#[derive(Debug, Clone)]
pub struct Predicate {
    relation: Georel,
    reference: Geometry,
    shape: Shape,
    search: Option<Vec<Envelope>>,
}

impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        self.relation == other.relation && self.reference == other.reference
    }
}

impl Predicate {
    /// Prepares the reference.
    pub fn new(relation: Georel, reference: Geometry) -> Self {
        let shape = Shape::of(&reference);
        let search = match relation {
            Georel::Near { max_distance, .. } => max_distance.map(|m| shape.envelope.expanded(m)),
            Georel::Disjoint => None,
            _ => Some(vec![shape.envelope]),
        };
        Self {
            relation,
            reference,
            shape,
            search,
        }
    }

    /// How the subject shall lie to the reference.
    pub fn relation(&self) -> Georel {
        self.relation
    }

    /// The geometry of the query.
    pub fn reference(&self) -> &Geometry {
        &self.reference
    }

    /// Boxes of which a subject's envelope meets at least one if the predicate holds of it;
    /// `None`: it may be anywhere.
    pub fn search(&self) -> Option<&[Envelope]> {
        self.search.as_deref()
    }

    /// Whether the subject, the geometry of an entity, lies so to the reference.
    pub fn holds(&self, subject: &Geometry) -> bool {
        let envelope = subject.envelope();
        if let Some(search) = &self.search
            && !search.iter().any(|boxed| boxed.intersects(&envelope))
        {
            return false;
        }
        let reference = &self.shape;
        let shape = || Shape::of(subject);
        match self.relation {
            Georel::Near {
                max_distance,
                min_distance,
            } => {
                let metres = between(&shape(), reference);
                max_distance.is_none_or(|max| metres <= max)
                    && min_distance.is_none_or(|min| metres >= min)
            }
            Georel::Within => reference.envelope.contains(&envelope) && within(&shape(), reference),
            Georel::Contains => {
                envelope.contains(&reference.envelope) && within(reference, &shape())
            }
            Georel::Intersects => intersects(&shape(), reference),
            Georel::Disjoint => {
                !reference.envelope.intersects(&envelope) || !intersects(&shape(), reference)
            }
            Georel::Equals => subject == &self.reference || equals(&shape(), reference),
            Georel::Overlaps => overlaps(&shape(), reference),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn geometry(kind: &str, coordinates: &Value) -> Geometry {
        Geometry::from_coordinates(kind, coordinates).unwrap()
    }

    #[test]
    fn a_relation_is_read_and_written_back() {
        for text in [
            "near;maxDistance==2000",
            "near;minDistance==10.5",
            "within",
            "overlaps",
        ] {
            assert_eq!(text.parse::<Georel>().unwrap().to_string(), text);
        }
        let both = Georel::Near {
            max_distance: Some(20.0),
            min_distance: Some(10.0),
        };
        assert_eq!("near;minDistance==10;maxDistance==20".parse(), Ok(both));
    }

    #[test]
    fn a_wrong_relation_says_how_to_write_it() {
        let error = |text: &str| text.parse::<Georel>().unwrap_err().to_string();
        assert!(error("near").contains("needs a distance"));
        for text in [
            "touches",
            "near;distance==5",
            "within;maxDistance==5",
            "",
            "near;maxDistance=5",
        ] {
            assert!(error(text).contains("no geo-relation"), "{text}");
        }
        for text in ["-1", "NaN", "inf", "far", "", "5;maxDistance==6"] {
            let text = format!("near;maxDistance=={text}");
            assert!(error(&text).contains("no distance"), "{text}");
        }
    }

    #[test]
    fn near_is_within_the_distance_of_the_nearest_place() {
        let stop = geometry("Point", &json!([23.9, 54.9]));
        let near = |text: &str| Predicate::new(text.parse().unwrap(), stop.clone());
        let there = geometry("Point", &json!([23.9, 54.904]));
        assert!(near("near;maxDistance==500").holds(&there));
        assert!(!near("near;maxDistance==400").holds(&there));
        assert!(near("near;minDistance==400").holds(&there));
        assert!(!near("near;minDistance==500").holds(&there));
        let street = geometry("LineString", &json!([[23.8, 54.904], [24.0, 54.904]]));
        assert!(near("near;maxDistance==500").holds(&street));
    }

    #[test]
    fn a_point_on_the_edge_is_not_within_but_intersects() {
        let square = geometry(
            "Polygon",
            &json!([[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]),
        );
        let edge = geometry("Point", &json!([1, 0]));
        assert!(!Predicate::new(Georel::Within, square.clone()).holds(&edge));
        assert!(Predicate::new(Georel::Intersects, square.clone()).holds(&edge));
        assert!(Predicate::new(Georel::Within, square).holds(&geometry("Point", &json!([1, 1]))));
    }
}
