//! The geometries that tiles were made of lately, so that not every tile reads them from the store.

use std::sync::Arc;

use base::Name;
use hashbrown::HashMap;
use parking_lot::Mutex;
use spatial::Geometry;

use crate::view::place::Where;

/// Positions that are kept: some 12 MB.
const POSITIONS_MAX: usize = 500_000;

/// Geometries of entities that are more than points.
#[derive(Debug, Default)]
pub(crate) struct Shapes(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    shapes: HashMap<Name, (Where, Arc<Geometry>)>,
    positions: usize,
}

impl Shapes {
    /// The geometry of an entity, if it is kept and still lies there.
    pub(crate) fn get(&self, id: &str, at: &Where) -> Option<Arc<Geometry>> {
        let held = self.0.lock();
        let (known, geometry) = held.shapes.get(id)?;
        (known == at).then(|| Arc::clone(geometry))
    }

    /// Keeps a geometry; forgets all when there are too many.
    pub(crate) fn keep(&self, id: Name, geometry: Arc<Geometry>) {
        let positions = geometry.positions().count();
        let mut held = self.0.lock();
        if held.positions + positions > POSITIONS_MAX {
            *held = Held::default();
        }
        held.positions += positions;
        let at = Where::of(&geometry);
        if let Some((_, old)) = held.shapes.insert(id, (at, geometry)) {
            held.positions -= old.positions().count();
        }
    }
}
