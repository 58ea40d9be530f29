//! The suite's own modules: what a third party would write.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Document, json};
use uuid::Uuid;

use crate::access::Target;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::module::{About, Event, Manifest, Module, Permission, Reference, Registry};
use crate::work::{Entity, Json, Version};
use crate::{Error, Result};

crate::id! {
    /// Names a specimen.
    pub struct SpecimenId;
}

crate::entity! {
    /// A record with a column of every type, with and without nulls.
    pub struct Specimen {
        kind: "conformance.specimen", records: [label, size, other], key: (id: SpecimenId), columns: specimen,
        version: version,
    } {
        /// Its id.
        id: SpecimenId,
        /// The optimistic lock.
        version: Version,
        /// A text, and an index key.
        label: String,
        /// A text or nothing.
        note: Option<String>,
        /// A number, and an index key.
        size: i64,
        /// A number or nothing.
        weight: Option<i64>,
        /// A small number.
        small: u16,
        /// Yes or no.
        flag: bool,
        /// Yes, no or nothing.
        maybe: Option<bool>,
        /// An instant.
        seen_at: Timestamp,
        /// An instant or nothing.
        lost_at: Option<Timestamp>,
        /// A date.
        seen_on: CivilDate,
        /// A date or nothing.
        lost_on: Option<CivilDate>,
        /// An id.
        owner: Uuid,
        /// An id or nothing, and an index key.
        other: Option<Uuid>,
        /// A document.
        document: Json<Document>,
        /// A document or nothing.
        extra: Option<Json<Document>>,
    }
}

impl Specimen {
    /// A specimen with this label and size, and nothing else to speak of.
    pub fn new(id: SpecimenId, label: impl Into<String>, size: i64) -> Self {
        Self {
            id,
            version: Version::FIRST,
            label: label.into(),
            note: None,
            size,
            weight: None,
            small: 0,
            flag: false,
            maybe: None,
            seen_at: Timestamp::UNIX_EPOCH,
            lost_at: None,
            seen_on: CivilDate::MIN,
            lost_on: None,
            owner: Uuid::nil(),
            other: None,
            document: Json(Document::Null),
            extra: None,
        }
    }
}

/// Texts that are hard on databases: patterns, quotes, both directions, combining marks, the ends of the planes.
const PIECES: [&str; 22] = [
    "",
    "a",
    "A",
    "b",
    "%",
    "_",
    "\\",
    "'",
    "\"",
    " ",
    "ż",
    "z\u{307}",
    "ש",
    "ל\u{5b8}",
    "ی",
    "ي",
    "\u{200c}",
    "😀",
    "\u{7f}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{10ffff}",
];

/// Any text without NUL, mostly of few characters that databases treat in their own ways.
pub fn any_text() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..4).prop_map(|pieces| pieces.concat());
    let any = prop::collection::vec(any::<char>(), 0..8)
        .prop_map(|chars| chars.into_iter().filter(|c| *c != '\0').collect::<String>());
    prop_oneof![4 => pieces, 1 => any]
}

fn any_int() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -3..4_i64, 1 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, i64::MAX]), 1 => any::<i64>()]
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    let epoch = |micros| Timestamp::from_micros(micros).unwrap();
    prop_oneof![
        4 => (-3..4_i64).prop_map(epoch),
        1 => prop::sample::select(vec![Timestamp::MIN, Timestamp::MAX]),
        1 => (Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros()).prop_map(epoch),
    ]
}

fn any_date() -> impl Strategy<Value = CivilDate> {
    let days = prop_oneof![4 => -3..4_i32, 1 => CivilDate::MIN.days()..=CivilDate::MAX.days()];
    days.prop_map(|days| CivilDate::from_days(days).unwrap())
}

fn any_uuid() -> impl Strategy<Value = Uuid> {
    prop_oneof![4 => 0..4_u128, 1 => Just(u128::MAX), 1 => any::<u128>()].prop_map(Uuid::from_u128)
}

fn any_document() -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        Just(Document::Null),
        any::<bool>().prop_map(Document::from),
        any_int().prop_map(Document::from),
        any_text().prop_map(Document::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Document::from),
            prop::collection::btree_map(any_text(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Any specimen, with a random id.
pub fn any_specimen() -> impl Strategy<Value = Specimen> {
    let texts = (any_text(), prop::option::of(any_text()), any_document(), prop::option::of(any_document()));
    let numbers = (any_int(), prop::option::of(any_int()), any::<u16>(), any::<bool>(), any::<Option<bool>>());
    let times = (any_time(), prop::option::of(any_time()), any_date(), prop::option::of(any_date()));
    let ids = (any::<u128>(), any_uuid(), prop::option::of(any_uuid()));
    (texts, numbers, times, ids).prop_map(|(texts, numbers, times, ids)| Specimen {
        id: Uuid::from_u128(ids.0).into(),
        version: Version::FIRST,
        label: texts.0,
        note: texts.1,
        size: numbers.0,
        weight: numbers.1,
        small: numbers.2,
        flag: numbers.3,
        maybe: numbers.4,
        seen_at: times.0,
        lost_at: times.1,
        seen_on: times.2,
        lost_on: times.3,
        owner: ids.1,
        other: ids.2,
        document: Json(texts.2),
        extra: texts.3.map(Json),
    })
}

/// A specimen was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SpecimenFound {
    /// The specimen.
    pub specimen: SpecimenId,
    /// Its size; the listener refuses negative ones.
    pub size: i64,
}

impl Event for SpecimenFound {
    const KIND: &'static str = "conformance.specimen.found";

    fn about(&self) -> About {
        About {
            reference: Some(Reference { kind: Specimen::SCHEMA.kind, id: self.specimen.into() }),
            ..About::default()
        }
    }
}

/// The module that stores specimens.
pub struct Sample;

/// Permission to write specimens.
pub(super) const COLLECT: &str = "conformance.collect";

impl Module for Sample {
    fn manifest(&self) -> Manifest {
        Manifest {
            name: "conformance",
            requires: &["core"],
            permissions: &[Permission { name: COLLECT, about: "collect specimens" }],
            entities: &[Specimen::SCHEMA],
            events: &[SpecimenFound::KIND],
            ..Manifest::default()
        }
    }

    fn install(&self, _: &mut Registry) -> Result<()> {
        Ok(())
    }
}

/// Another module, which answers each specimen that is found with one of its own, and refuses negative sizes.
pub struct Listener;

impl Module for Listener {
    fn manifest(&self) -> Manifest {
        Manifest { name: "conformance.listener", requires: &["conformance"], uses: &[COLLECT], ..Manifest::default() }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.on::<SpecimenFound>("answers specimens", |work, found| {
            let mut work = work.permit(COLLECT, &Target::ANY)?;
            let answer = Specimen::new(work.new_id(), "answer", found.size);
            work.insert(&answer)?;
            if found.size < 0 { Err(Error::invalid("size", "specimen.negative")) } else { Ok(()) }
        });
        Ok(())
    }
}
