//! Typed ids: one newtype per entity over a UUIDv7, drawn from an injected source.

use std::sync::Mutex;

use uuid::{Builder, Uuid};

use crate::kernel::time::Timestamp;

/// Declares id types: transparent newtypes over a [`Uuid`].
///
/// ```
/// crm_core::id! {
///     /// Names a note of a third party's module.
///     pub struct NoteId;
/// }
/// let id = NoteId::from(uuid::Uuid::nil());
/// assert_eq!(id.to_string(), "00000000-0000-0000-0000-000000000000");
/// ```
#[macro_export]
macro_rules! id {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, $crate::reexport::serde::Serialize, $crate::reexport::serde::Deserialize)]
        #[serde(crate = "::crm_core::reexport::serde", transparent)]
        $vis struct $name($crate::reexport::Uuid);

        impl From<$crate::reexport::Uuid> for $name {
            fn from(id: $crate::reexport::Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for $crate::reexport::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                text.parse().map(Self).map_err(|_| $crate::Error::invalid("id", "id.format"))
            }
        }

        impl $crate::work::Field for $name {
            const TYPE: $crate::work::ColumnType = $crate::work::ColumnType::Uuid;

            fn to_value(&self) -> $crate::work::Value {
                $crate::work::Value::Uuid(self.0)
            }

            fn from_value(value: &$crate::work::Value) -> $crate::Result<Self> {
                <$crate::reexport::Uuid as $crate::work::Field>::from_value(value).map(Self)
            }
        }
    )+};
}

/// Where new ids come from. Injected, so that a run can be repeated (S-45).
pub trait IdSource: Send + Sync + 'static {
    /// A new id whose order follows `now`: a UUIDv7 (RFC 9562).
    fn next(&self, now: Timestamp) -> Uuid;
}

/// When an id was made, to the millisecond, if it tells that.
pub(crate) fn time_of(id: Uuid) -> Option<Timestamp> {
    // The time is in the first 48 bits of the 128 (RFC 9562, section 5.7).
    let millis = i64::try_from(id.as_u128() >> 80).ok().filter(|_| id.get_version_num() == 7)?;
    Timestamp::from_micros(millis.checked_mul(1_000)?).ok()
}

/// UUIDv7 ids from the operating system's randomness, increasing within a process even inside one millisecond:
/// 26 bits after the time are a counter (RFC 9562, section 6.2, method 1), 48 bits are random.
#[derive(Debug, Default)]
pub struct SystemIds(Mutex<Generator>);

/// Ids for tests and replays: the same seed and the same clock give the same ids.
#[derive(Debug)]
pub struct SeededIds(Mutex<(Generator, u64)>);

impl SeededIds {
    /// A source that repeats itself for equal seeds.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new((Generator::default(), seed)))
    }
}

impl IdSource for SystemIds {
    fn next(&self, now: Timestamp) -> Uuid {
        let mut generator = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        generator.next(now, |bytes| {
            // Without randomness of the system the counter alone still keeps ids of this process apart.
            if getrandom::fill(bytes).is_err() {
                bytes.fill(0);
            }
        })
    }
}

impl IdSource for SeededIds {
    fn next(&self, now: Timestamp) -> Uuid {
        let mut guard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (generator, seed) = &mut *guard;
        generator.next(now, |bytes| {
            for chunk in bytes.chunks_mut(8) {
                let word = split_mix(seed).to_le_bytes();
                chunk.copy_from_slice(&word[..chunk.len()]);
            }
        })
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a small generator with a full period, for repeatable ids and pauses.
pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const POOL: usize = 1024;
const COUNTER_BITS: u32 = 26;

#[derive(Debug)]
struct Generator {
    millis: u64,
    counter: u32,
    pool: [u8; POOL],
    used: usize,
}

impl Default for Generator {
    fn default() -> Self {
        Self { millis: 0, counter: 0, pool: [0; POOL], used: POOL }
    }
}

impl Generator {
    fn next(&mut self, now: Timestamp, fill: impl FnOnce(&mut [u8])) -> Uuid {
        if self.used + 10 > POOL {
            fill(&mut self.pool);
            self.used = 0;
        }
        let mut random = [0_u8; 10];
        random.copy_from_slice(&self.pool[self.used..self.used + 10]);
        self.used += 10;

        let millis = u64::try_from(now.as_micros().div_euclid(1000)).unwrap_or(0);
        if millis > self.millis {
            self.millis = millis;
            // Starts in the lower half, so that the counter has room within the millisecond.
            self.counter = u32::from_be_bytes([random[0], random[1], random[2], random[3]]) >> (32 - COUNTER_BITS + 1);
        } else {
            self.counter += 1;
            if self.counter >> COUNTER_BITS != 0 {
                self.millis += 1;
                self.counter = 0;
            }
        }
        // rand_a takes 12 bits of the counter; the version nibble goes between, then the variant, then 14 bits more.
        let high = (self.counter >> 14).to_be_bytes();
        let low = (self.counter & 0x3fff).to_be_bytes();
        random[0] = high[2];
        random[1] = high[3];
        random[2] = low[2];
        random[3] = low[3];
        Builder::from_unix_timestamp_millis(self.millis, &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_within_a_millisecond_and_across() {
        let ids = SeededIds::new(7);
        let mut last = Uuid::nil();
        for micros in [1_700_000_000_000_000, 1_700_000_000_000_000, 1_700_000_000_002_000, 1_600_000_000_000_000] {
            for _ in 0..5_000 {
                let id = ids.next(Timestamp::from_micros(micros).unwrap());
                assert!(id > last, "{id} after {last}");
                assert_eq!(id.get_version_num(), 7);
                last = id;
            }
        }
    }

    #[test]
    fn an_id_tells_its_time() {
        let time = Timestamp::from_micros(1_700_000_000_123_000).unwrap();
        assert_eq!(time_of(SeededIds::new(7).next(time)), Some(time));
        assert_eq!(time_of(Uuid::nil()), None);
    }

    #[test]
    fn a_seed_repeats_itself() {
        let (a, b) = (SeededIds::new(1), SeededIds::new(1));
        let now = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        assert_eq!(
            (0..100).map(|_| a.next(now)).collect::<Vec<_>>(),
            (0..100).map(|_| b.next(now)).collect::<Vec<_>>()
        );
        assert_ne!(SeededIds::new(2).next(now), SeededIds::new(1).next(now));
    }
}
