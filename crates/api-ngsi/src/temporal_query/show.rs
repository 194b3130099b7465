//! Answers over time.

use std::collections::HashMap;

use axum::response::Response;
use base::Name;
use broker::BrokerError;
use broker::past::Past;
use federation::read::temporal::join;
use http::{StatusCode, header};
use ngsi::aggregate::Aggregation;
use ngsi::query::{Member, Projection, ScopeExpr};
use ngsi::render::temporal::{Cut, Shown, TemporalFormat};
use ngsi::render::{Out, Renderer};
use ngsi::temporal::{Bound, Evolution, Head, Instance, Span, TimeProperty, scope};
use trust::Call;
use web::{Media, Query};

use super::aggregate::{Reader, Sums};
use super::asked::{Asked, Shape};
use super::find::{Finder, MATCHED_MAX, keep_in_scope};
use super::others::Others;
use super::{page, rolled};
use crate::answer;
use crate::entities::mark_page;
use crate::error::{Answer, Failure, not_found};
use crate::payload::InUse;
use crate::state::Api;

/// What an answer needs to know.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    pub(super) api: &'a Api,
    pub(super) call: &'a Call,
    pub(super) in_use: &'a InUse,
    pub(super) media: Media,
    pub(super) asked: &'a Asked,
    pub(super) others: &'a Others<'a>,
}

impl Setting<'_> {
    /// One entity over time [CIM-009 §5.7.3].
    pub(super) async fn one(&self, id: &Name) -> Answer {
        let mut out = Out::with_capacity(4_096);
        match &self.asked.shape {
            Shape::Aggregated(aggregation) => {
                let sums = self.sums(id, aggregation, None).await?;
                let names = sums.attributes.iter().map(|(key, _)| &key.name);
                self.must_show(&sums.head, names).await?;
                self.write_sums(&mut out, &sums);
                Ok(self.respond_sums(out, &[sums]))
            }
            Shape::Series(format) => {
                let past = self.past(id, &self.asked.span, None).await?;
                let names = past.evolution.series.iter().map(|series| &series.name);
                self.must_show(&past.evolution.head, names).await?;
                let pasts = [past];
                let cut = page::cut(self.asked, &self.asked.span, &pasts);
                self.write(&mut out, &pasts[0], *format, cut);
                Ok(self.respond(out, cut, &pasts))
            }
        }
    }

    /// The entities of a page [CIM-009 §5.7.4].
    pub(super) async fn many(
        &self,
        finder: &Finder<'_>,
        (path, parameters): (&str, &Query),
    ) -> Answer {
        self.api.broker.known_tenant(&self.call.tenant).await?;
        let found = finder.find(self.api, self.call).await?;
        let scope = finder.selection.scope.as_ref();
        let mut response = match &self.asked.shape {
            Shape::Aggregated(aggregation) => {
                self.many_sums(&found.ids, aggregation, scope).await?
            }
            Shape::Series(format) => self.many_series(&found.ids, *format, scope).await?,
        };
        let links = finder.page.links(path, parameters, self.media, found.more);
        mark_page(&mut response, found.count, links);
        Ok(response)
    }

    async fn many_series(
        &self,
        ids: &[Name],
        format: TemporalFormat,
        scope: Option<&ScopeExpr>,
    ) -> Answer {
        let span = page::share(&self.asked.span, ids.len());
        let mut pasts = Vec::with_capacity(ids.len());
        for id in ids {
            match self.past(id, &span, scope).await {
                // Taken out in the meantime.
                Err(BrokerError::EntityUnknown { .. }) => {}
                past => pasts.push(past?),
            }
        }
        pasts.retain(|past| {
            let names = past.evolution.series.iter().map(|series| &series.name);
            self.shows_anything(&past.evolution.head, names)
        });
        let cut = page::cut(self.asked, &span, &pasts);
        let mut out = Out::with_capacity(16_384);
        out.array(|out| {
            for past in &pasts {
                out.item();
                self.write(out, past, format, cut);
            }
        });
        Ok(self.respond(out, cut, &pasts))
    }

    async fn many_sums(
        &self,
        ids: &[Name],
        aggregation: &Aggregation,
        scope: Option<&ScopeExpr>,
    ) -> Answer {
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            all.push(self.sums(id, aggregation, scope).await?);
        }
        let mut out = Out::with_capacity(16_384);
        out.array(|out| {
            for sums in &all {
                out.item();
                self.write_sums(out, sums);
            }
        });
        Ok(self.respond_sums(out, &all))
    }

    /// The instances to be shown of one entity, with those that other sources have.
    async fn past(
        &self,
        id: &str,
        span: &Span,
        scope: Option<&ScopeExpr>,
    ) -> Result<Past, BrokerError> {
        let here = self.past_here(id, span, scope).await;
        let Some(other) = self.others.known.get(id) else {
            return here;
        };
        let mut past = match here {
            Ok(past) => past,
            Err(BrokerError::EntityUnknown { .. }) => Past {
                evolution: Evolution {
                    head: other.head.clone(),
                    series: Vec::new(),
                },
                scope: Vec::new(),
                kinds: HashMap::new(),
            },
            Err(error) => return Err(error),
        };
        join(&mut past.evolution, other.clone());
        self.keep_datasets(&mut past.evolution);
        for series in &mut past.evolution.series {
            series.instances.retain(|i| span.holds(&i.attribute));
            series.arrange(span);
        }
        past.evolution
            .series
            .retain(|series| !series.instances.is_empty());
        Ok(past)
    }

    /// Those that are here.
    async fn past_here(
        &self,
        id: &str,
        span: &Span,
        scope: Option<&ScopeExpr>,
    ) -> Result<Past, BrokerError> {
        let Some(wanted) = scope else {
            let mut past = self.api.broker.past(self.call, id, span).await?;
            self.keep_datasets(&mut past.evolution);
            return Ok(past);
        };
        let wide = Span {
            limit: MATCHED_MAX,
            last: false,
            ..span.clone()
        };
        let mut past = self.api.broker.past(self.call, id, &wide).await?;
        self.keep_datasets(&mut past.evolution);
        keep_in_scope(&mut past.evolution, &past.scope, wanted, span);
        for series in &mut past.evolution.series {
            series.arrange(span);
        }
        Ok(past)
    }

    fn keep_datasets(&self, evolution: &mut Evolution) {
        if let Some(datasets) = &self.asked.representation.datasets {
            evolution
                .series
                .retain(|series| datasets.contains(&series.dataset_id));
        }
    }

    async fn sums<'s>(
        &'s self,
        id: &str,
        aggregation: &'s Aggregation,
        scope: Option<&'s ScopeExpr>,
    ) -> Result<Sums<'s>, Failure> {
        let reader = Reader {
            api: self.api,
            call: self.call,
            aggregation,
            span: &self.asked.span,
            datasets: self.asked.representation.datasets.as_ref(),
            scope,
            other: self.others.known.get(id),
        };
        reader.read(id).await
    }

    fn projection(&self) -> Option<&Projection> {
        self.asked.representation.projection.as_ref()
    }

    /// Whether any of the members asked for is there.
    fn shows_anything<'n>(&self, head: &Head, mut names: impl Iterator<Item = &'n Name>) -> bool {
        if !self.asked.representation.attrs.is_empty() {
            return names.next().is_some();
        }
        self.projection().is_none_or(|p| {
            p.shows(Member::Id)
                || p.shows(Member::Type)
                || (p.shows(Member::Scope) && !head.scope.is_empty())
                || names.any(|name| p.shows_attribute(name))
        })
    }

    /// Refuses to show an entity that has none of the members asked for, at any time
    /// [CIM-009 §5.7.3.4].
    async fn must_show<'n>(
        &self,
        head: &Head,
        names: impl Iterator<Item = &'n Name>,
    ) -> Result<(), Failure> {
        if self.shows_anything(head, names) {
            return Ok(());
        }
        let span = Span {
            attributes: self.asked.span.attributes.clone(),
            ..Span::all(1)
        };
        match self.api.broker.evolution(self.call, &head.id, &span).await {
            Ok(ever) => {
                if self.shows_anything(head, ever.series.iter().map(|series| &series.name)) {
                    return Ok(());
                }
            }
            // Only others know it.
            Err(BrokerError::EntityUnknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Err(not_found(format_args!(
            "'{}' has none of the members asked for",
            head.id
        )))
    }

    fn renderer(&self) -> Renderer<'_> {
        let representation = &self.asked.representation;
        Renderer {
            sys_attrs: representation.sys_attrs,
            languages: representation.languages.clone(),
            projection: self.projection(),
            ..Renderer::new(&self.in_use.context, self.api.broker.now())
        }
    }

    fn write(&self, out: &mut Out, past: &Past, format: TemporalFormat, cut: Option<Cut>) {
        let span = &self.asked.span;
        let scope = scope_within(&past.scope, span, cut);
        let evolution = &past.evolution;
        let shown = Shown {
            evolution,
            scope: &scope,
            kinds: &past.kinds,
            span,
            cut,
        };
        self.renderer()
            .evolution(out, &shown, format, self.context_member().as_deref());
    }

    fn write_sums(&self, out: &mut Out, sums: &Sums<'_>) {
        let end = self.asked.span.until.map(|bound| bound.time);
        let member = self.context_member();
        self.renderer()
            .aggregated(out, &sums.head, &sums.attributes, end, member.as_deref());
    }

    fn context_member(&self) -> Option<String> {
        (self.media == Media::LdJson).then(|| self.in_use.member.to_string())
    }

    /// 206 with the range when instances had to be left out [CIM-009 §6.3.10].
    fn respond(&self, out: Out, cut: Option<Cut>, pasts: &[Past]) -> Response {
        let status = if cut.is_some() {
            StatusCode::PARTIAL_CONTENT
        } else {
            StatusCode::OK
        };
        let mut response = answer::respond(status, self.media, self.in_use, out.into_string());
        let range = cut.and_then(|cut| page::content_range(self.asked, cut, pasts));
        if let Some(range) = range {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        rolled::mark(
            &mut response,
            rolled::of_pasts(pasts, &self.asked.span, cut),
        );
        response
    }

    fn respond_sums(&self, out: Out, all: &[Sums<'_>]) -> Response {
        let text = out.into_string();
        let mut response = answer::respond(StatusCode::OK, self.media, self.in_use, text);
        let end = self.asked.span.until.map(|bound| bound.time);
        rolled::mark(&mut response, rolled::of_sums(all, end));
        response
    }
}

/// The instances of the scope that were valid in the time of the answer; that the scope was
/// removed is shown if that happened in it.
fn scope_within(history: &[Instance], span: &Span, cut: Option<Cut>) -> Vec<Instance> {
    let mut within = span.clone();
    match cut.map(|cut| {
        (
            cut.is_start,
            Bound {
                time: cut.edge,
                inclusive: true,
            },
        )
    }) {
        Some((true, edge)) => within.from = Some(edge),
        Some((false, edge)) => within.until = Some(edge),
        None => {}
    }
    let shows = |validity: &scope::Validity<'_>| {
        let attribute = &validity.instance.attribute;
        if span.property == TimeProperty::DeletedAt || scope::scopes(attribute).is_empty() {
            return within.holds(attribute);
        }
        validity.meets(&within)
    };
    let all = scope::validities(history, span).into_iter();
    all.filter(shows)
        .map(|validity| validity.instance.clone())
        .collect()
}
