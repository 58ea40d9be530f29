//! What is known of rows, and in which layer.

use std::collections::BTreeMap;

use foldhash::HashMap;

use crate::work::schema::Schema;
use crate::work::storage::{Columns, Query};
use crate::work::value::{Key, Row};

/// A kind's place in the order of writing: its rank, and its name, for kinds that nobody declared share a rank.
pub(super) type Place = (usize, &'static str);

/// Rows by place of their kind, in which they are written, then by key, in whose order they are put when they are.
pub(super) type Layer = BTreeMap<Place, Kind>;

/// Hashed many times for each row that is written, so by a hash that is fast and still seeded at random.
pub(super) type Slots = HashMap<Key, Slot>;

pub(super) struct Kind {
    pub(super) schema: &'static Schema,
    pub(super) slots: Slots,
    /// Whole queries whose rows, as they are stored, all have a slot here or in a layer below.
    pub(super) answered: Vec<Query>,
}

impl Kind {
    fn new(schema: &'static Schema) -> Self {
        Self { schema, slots: Slots::default(), answered: Vec::new() }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.slots.values().all(Slot::is_clean)
    }
}

/// A kind in a layer.
pub(super) fn kind_of<'l>(layer: &'l mut Layer, place: Place, schema: &'static Schema) -> &'l mut Kind {
    layer.entry(place).or_insert_with(|| Kind::new(schema))
}

/// The slots of a kind in a layer.
pub(super) fn slots_of<'l>(layer: &'l mut Layer, place: Place, schema: &'static Schema) -> &'l mut Slots {
    &mut kind_of(layer, place, schema).slots
}

/// What is known of one row.
#[derive(Clone)]
pub(super) struct Slot {
    /// Whether the transaction underneath has the row, as far as this layer knows, and in which version.
    pub(super) stored: bool,
    pub(super) stored_version: Option<i64>,
    pub(super) current: Option<Row>,
    /// `current` is not written yet.
    pub(super) dirty: bool,
    /// Where `current` may differ from the stored row, but for additions.
    pub(super) changed: Columns,
    /// Amounts by counter column, not written yet; contained in `current`.
    pub(super) additions: BTreeMap<usize, (i64, Option<i64>)>,
    pub(super) locked: bool,
}

impl Slot {
    pub(super) fn clean(schema: &Schema, row: Option<Row>, locked: bool) -> Self {
        Self {
            stored: row.is_some(),
            stored_version: row.as_ref().and_then(|row| schema.version_of(row)),
            current: row,
            dirty: false,
            changed: Columns::NONE,
            additions: BTreeMap::new(),
            locked,
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        !self.dirty && self.additions.is_empty()
    }

    /// The same row as seen from a layer above: nothing of it is that layer's to write.
    pub(super) fn seen_from_above(&self, schema: &Schema) -> Self {
        Self::clean(schema, self.current.clone(), self.locked)
    }

    pub(super) fn settle(&mut self, schema: &Schema) {
        self.stored = self.current.is_some();
        self.stored_version = self.current.as_ref().and_then(|row| schema.version_of(row));
        self.dirty = false;
        self.changed = Columns::NONE;
        self.additions.clear();
    }

    /// Takes over what a released layer above made of this row.
    pub(super) fn absorb(&mut self, above: Self) {
        if self.is_clean() {
            *self = above;
            return;
        }
        self.current = above.current;
        self.dirty |= above.dirty;
        self.changed = self.changed.union(above.changed);
        self.locked |= above.locked;
        for (column, (amount, floor)) in above.additions {
            self.note_addition(column, amount, floor);
        }
    }

    pub(super) fn note_addition(&mut self, column: usize, amount: i64, floor: Option<i64>) {
        let (sum, lowest) = self.additions.entry(column).or_insert((0, None));
        *sum = sum.saturating_add(amount);
        // The floor of an earlier sum moves with what is added after it.
        *lowest = lowest.map(|lowest| lowest.saturating_add(amount)).max(floor);
    }
}
