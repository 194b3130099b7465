//! The Attribute Projection Language: `pick` and `omit` [CIM-009 §4.21].

use base::Name;
use base::limits::{QUERY_DEPTH_MAX, QUERY_TERMS_MAX};
use jsonld::Context;

use super::QueryError;
use super::cursor::Cursor;
use super::path::{Member, is_name_char};
use crate::entity::Entity;

/// What of an entity is shown. The default shows everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Projection {
    /// Only these members.
    pub pick: Option<Vec<ProjectionMember>>,
    /// All but these members.
    pub omit: Option<Vec<ProjectionMember>>,
}

/// A member that is picked or omitted: `locatedAt{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionMember {
    /// Which.
    pub name: Projected,
    /// What of the entities that this relationship links to; empty: no braces.
    pub linked: Vec<Self>,
}

/// A member of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projected {
    /// A member that is no attribute: `id`, `type`, `scope`, `createdAt` …
    Member(Member),
    /// An attribute, by its expanded name.
    Attribute(Name),
}

impl Projection {
    /// Reads `pick` and `omit`; no member may stand in both.
    pub fn parse(
        pick: Option<&str>,
        omit: Option<&str>,
        context: &Context,
    ) -> Result<Self, QueryError> {
        let read = |parameter, text: Option<&str>| {
            text.map(|text| members(Cursor::new(parameter, text)?, context))
                .transpose()
        };
        let projection = Self {
            pick: read("pick", pick)?,
            omit: read("omit", omit)?,
        };
        if let (Some(pick), Some(omit)) = (&projection.pick, &projection.omit)
            && pick
                .iter()
                .any(|p| p.linked.is_empty() && find(omit, &p.name).is_some_and(is_whole))
        {
            return Err(QueryError::Together(
                "the same member stands in 'pick' and in 'omit'".to_owned(),
            ));
        }
        Ok(projection)
    }

    /// Whether it shows everything.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it shows this member that is no attribute.
    pub fn shows(&self, member: Member) -> bool {
        self.shows_projected(&Projected::Member(member))
    }

    /// Whether it shows the attribute of this expanded name.
    pub fn shows_attribute(&self, name: &Name) -> bool {
        self.shows_projected(&Projected::Attribute(name.clone()))
    }

    /// Takes out of the entity what is not shown: attributes and scopes. Whether `id`, `type` and the times are
    /// shown is for the renderer to ask, as no entity is without them.
    pub fn apply(&self, entity: &mut Entity) {
        if self.is_everything() {
            return;
        }
        entity.attributes.retain(|a| self.shows_attribute(&a.name));
        if !self.shows(Member::Scope) {
            entity.scope.clear();
        }
    }

    /// What is shown of the entities that a relationship links to.
    #[must_use]
    pub fn linked(&self, relationship: &Name) -> Self {
        let name = Projected::Attribute(relationship.clone());
        let below = |members: &Option<Vec<ProjectionMember>>| {
            let found = find(members.as_ref()?, &name)?;
            (!found.linked.is_empty()).then(|| found.linked.clone())
        };
        Self {
            pick: below(&self.pick),
            omit: below(&self.omit),
        }
    }

    /// How many relationships in a row it speaks of [CIM-009 §5.7.2.4].
    pub fn depth(&self) -> usize {
        let of = |members: &Option<Vec<ProjectionMember>>| members.as_deref().map_or(0, depth);
        of(&self.pick).max(of(&self.omit))
    }

    fn shows_projected(&self, name: &Projected) -> bool {
        self.pick
            .as_ref()
            .is_none_or(|pick| find(pick, name).is_some())
            && !self
                .omit
                .as_ref()
                .is_some_and(|omit| find(omit, name).is_some_and(is_whole))
    }
}

/// Omitting something of a linked entity leaves the relationship itself.
fn is_whole(member: &ProjectionMember) -> bool {
    member.linked.is_empty()
}

fn find<'m>(members: &'m [ProjectionMember], name: &Projected) -> Option<&'m ProjectionMember> {
    members.iter().find(|member| member.name == *name)
}

fn depth(members: &[ProjectionMember]) -> usize {
    members
        .iter()
        .filter(|m| !is_whole(m))
        .map(|m| 1 + depth(&m.linked))
        .max()
        .unwrap_or(0)
}

fn members(mut cursor: Cursor<'_>, context: &Context) -> Result<Vec<ProjectionMember>, QueryError> {
    let mut terms = 0;
    let members = list(&mut cursor, context, 0, &mut terms)?;
    if cursor.at_end() {
        Ok(members)
    } else {
        Err(cursor.wrong("expected ',', '|' or '{'"))
    }
}

fn list(
    cursor: &mut Cursor<'_>,
    context: &Context,
    depth: usize,
    terms: &mut usize,
) -> Result<Vec<ProjectionMember>, QueryError> {
    let mut members = Vec::new();
    loop {
        *terms += 1;
        if *terms > QUERY_TERMS_MAX || depth > QUERY_DEPTH_MAX {
            let reason = format!(
                "has more than {QUERY_TERMS_MAX} members or braces deeper than {QUERY_DEPTH_MAX}"
            );
            return Err(cursor.limit(reason));
        }
        let name = cursor.take_while(is_name_char);
        if name.is_empty() {
            return Err(cursor.wrong("expected the name of a member"));
        }
        let name = match Member::of_entity(name) {
            Some(member) => Projected::Member(member),
            None => Projected::Attribute(cursor.expand(name, context)?),
        };
        let mut linked = Vec::new();
        if cursor.eat("{") {
            linked = list(cursor, context, depth + 1, terms)?;
            if !cursor.eat("}") {
                return Err(cursor.wrong("expected ',', '|' or '}'"));
            }
        }
        members.push(ProjectionMember { name, linked });
        if !cursor.eat(",") && !cursor.eat("|") {
            return Ok(members);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::{Attribute, AttributeValue};
    use base::Time;
    use serde_json::json;

    fn projection(pick: Option<&str>, omit: Option<&str>) -> Result<Projection, QueryError> {
        Projection::parse(pick, omit, &Context::core())
    }

    fn shown(pick: Option<&str>, omit: Option<&str>) -> String {
        let context = Context::core();
        let projection = projection(pick, omit).expect("a projection");
        let mut entity = Entity {
            id: "urn:a".into(),
            types: vec!["T".into()],
            scope: vec!["/s".into()],
            created_at: Time(0),
            modified_at: Time(0),
            expires_at: None,
            attributes: ["name", "speed"]
                .map(|name| {
                    let name = context.expand_name(name).expect("a name");
                    Attribute::new(name, AttributeValue::Property(json!(1)))
                })
                .to_vec(),
        };
        projection.apply(&mut entity);
        let mut shown: Vec<String> = entity
            .attributes
            .iter()
            .map(|a| context.compact_term(&a.name).into_owned())
            .collect();
        shown.extend(entity.scope.iter().map(ToString::to_string));
        if projection.shows(Member::Id) {
            shown.push("id".to_owned());
        }
        shown.join(" ")
    }

    #[test]
    fn picking_leaves_the_picked_and_omitting_the_rest() {
        assert_eq!(shown(None, None), "name speed /s id");
        assert_eq!(shown(Some("name"), None), "name");
        assert_eq!(shown(Some("id|scope"), None), "/s id");
        assert_eq!(shown(None, Some("id,name")), "speed /s");
        assert_eq!(shown(Some("name,id"), Some("speed")), "name id");
    }

    #[test]
    fn braces_speak_of_linked_entities() {
        let context = Context::core();
        let city = context.expand_name("locatedAt").expect("a name");
        let pick = projection(Some("id,locatedAt{id,name,inCountry{id}}"), None).expect("one");
        assert_eq!(pick.depth(), 2);
        assert!(pick.shows_attribute(&city) && pick.linked(&city).shows(Member::Id));
        assert!(!pick.linked(&city).shows(Member::Type));
        let omit = projection(None, Some("locatedAt{name}")).expect("one");
        assert!(omit.shows_attribute(&city), "only its name goes");
        assert!(omit.linked(&city).shows(Member::Id));
        assert!(
            pick.linked(&context.expand_name("other").expect("a name"))
                .is_everything()
        );
    }

    #[test]
    fn what_the_grammar_does_not_admit_is_refused() {
        let refused = [
            "",
            "id;name",
            "id,a{name",
            "id,a{{name}",
            "id,,name",
            "id,a{,name}",
            "id,a{}",
            "a|",
            "a}",
        ];
        for text in refused {
            assert!(projection(Some(text), None).is_err(), "{text}");
            assert!(projection(None, Some(text)).is_err(), "{text}");
        }
        projection(Some("name"), Some("name")).unwrap_err();
        let deep = "a{".repeat(40) + "a" + &"}".repeat(40);
        let error = projection(Some(&deep), None).expect_err("refused");
        assert_eq!(error.kind(), base::Kind::Limit);
    }
}
