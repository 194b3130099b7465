//! A growing list that never moves what it holds, so that growing costs no copy and no peak.

/// Things in pieces of `1 << BITS`.
#[derive(Debug)]
pub(super) struct Chunked<T, const BITS: u32> {
    pieces: Vec<Vec<T>>,
}

impl<T, const BITS: u32> Default for Chunked<T, BITS> {
    fn default() -> Self {
        Self { pieces: Vec::new() }
    }
}

impl<T, const BITS: u32> Chunked<T, BITS> {
    const LEN: usize = 1 << BITS;

    /// Appends and gives the place.
    #[inline]
    pub(super) fn push(&mut self, thing: T) -> u32 {
        let place = self.len();
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < Self::LEN => piece.push(thing),
            _ => {
                let mut piece = Vec::with_capacity(Self::LEN);
                piece.push(thing);
                self.pieces.push(piece);
            }
        }
        place
    }

    /// How many things there are; the tail's bound on bytes keeps it far below `u32::MAX`.
    pub(super) fn len(&self) -> u32 {
        let last = self.pieces.last().map_or(0, Vec::len);
        let full = self.pieces.len().saturating_sub(1) * Self::LEN;
        u32::try_from(full + last).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> Option<&T> {
        let place = place as usize;
        self.pieces.get(place >> BITS)?.get(place & (Self::LEN - 1))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        let place = place as usize;
        self.pieces
            .get_mut(place >> BITS)?
            .get_mut(place & (Self::LEN - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_found_at_the_place_they_were_given() {
        let mut list = Chunked::<u32, 2>::default();
        for n in 0..11 {
            assert_eq!(list.push(n * 3), n);
        }
        *list.get_mut(4).unwrap() = 7;
        assert_eq!(
            (list.len(), list.get(4), list.get(10), list.get(11)),
            (11, Some(&7), Some(&30), None)
        );
    }
}
