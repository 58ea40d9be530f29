//! Entities: typed rows, and the macro that declares them.

use std::sync::Arc;

use super::schema::Schema;
use super::value::{Field, Key, Row, Value, Version};
use crate::Result;

/// Something with a key that is stored. Declared with [`entity!`](crate::entity).
pub trait Entity: Clone + Send + Sync + 'static {
    /// The type of the key: an id, or a tuple for a composite key.
    type Id: EntityKey;

    /// The shape of the rows.
    const SCHEMA: &'static Schema;

    /// The key of this entity.
    fn id(&self) -> Self::Id;

    /// The optimistic lock, if this kind has one.
    fn version(&self) -> Option<Version>;

    /// Replaces the optimistic lock; does nothing if this kind has none.
    fn set_version(&mut self, version: Version);

    /// The row to store.
    fn to_row(&self) -> Row;

    /// Back from a stored row.
    ///
    /// # Errors
    /// [`crate::Error::Backend`] when a stored value is not of its column's type.
    fn from_row(row: &[Value]) -> Result<Self>;
}

/// The names of the columns that differ, but for the version: what an event of a change tells.
pub fn changed_columns<E: Entity>(before: &E, after: &E) -> Vec<String> {
    let (before, after) = (before.to_row(), after.to_row());
    let columns = E::SCHEMA.columns.iter().enumerate().zip(before.iter().zip(&*after));
    columns
        .filter(|((at, _), (before, after))| Some(*at) != E::SCHEMA.version && before != after)
        .map(|((_, column), _)| column.name.to_owned())
        .collect()
}

/// A key: one field, or a tuple of them.
pub trait EntityKey: Clone + Send + 'static {
    /// The values of the key columns.
    fn to_key(&self) -> Key;
}

impl<A: Field + Clone + Send + 'static> EntityKey for A {
    fn to_key(&self) -> Key {
        Arc::new([self.to_value()])
    }
}

impl<A: Field + Clone + Send + 'static, B: Field + Clone + Send + 'static> EntityKey for (A, B) {
    fn to_key(&self) -> Key {
        Arc::new([self.0.to_value(), self.1.to_value()])
    }
}

impl<A, B, C> EntityKey for (A, B, C)
where
    A: Field + Clone + Send + 'static,
    B: Field + Clone + Send + 'static,
    C: Field + Clone + Send + 'static,
{
    fn to_key(&self) -> Key {
        Arc::new([self.0.to_value(), self.1.to_value(), self.2.to_value()])
    }
}

impl<A, B, C, D> EntityKey for (A, B, C, D)
where
    A: Field + Clone + Send + 'static,
    B: Field + Clone + Send + 'static,
    C: Field + Clone + Send + 'static,
    D: Field + Clone + Send + 'static,
{
    fn to_key(&self) -> Key {
        Arc::new([self.0.to_value(), self.1.to_value(), self.2.to_value(), self.3.to_value()])
    }
}

/// Declares an entity: a plain struct, its schema, and a module of typed columns for filters.
///
/// The header says the kind, where rows are kept (`table` with its name, or `records` with up to three columns that
/// narrow a query), the key, and the name of the column module. `version` names the optimistic lock; it may be left out
/// for rows that are never updated. `unique`, `counters` and `personal` may be left out too. `scoped` says to whom a
/// record belongs, by its columns: any of `branch`, `customer` and `owner`, in this order. It makes the entity
/// [`Scoped`](crate::access::Scoped): lists of it are narrowed to what the actor may see.
///
/// ```
/// use crm_core::access::{Scoped, Target};
/// use crm_core::customers::CustomerId;
/// use crm_core::work::{Entity, Version};
/// crm_core::id! {
///     /// Names a note.
///     pub struct NoteId;
/// }
/// crm_core::entity! {
///     /// A note about a customer, in the shared records table.
///     pub struct Note {
///         kind: "example.note", records: [about], key: (id: NoteId), columns: note, version: version,
///         personal: [text], scoped: { customer: about },
///     } {
///         /// Its id.
///         id: NoteId,
///         /// The optimistic lock.
///         version: Version,
///         /// Whom it is about.
///         about: CustomerId,
///         /// What it says.
///         text: String,
///     }
/// }
/// # fn main() {
/// assert_eq!(Note::SCHEMA.columns[2].name, "about");
/// let nobody = CustomerId::from(uuid::Uuid::nil());
/// let sample = Note { id: uuid::Uuid::nil().into(), version: Version::FIRST, about: nobody, text: "Ala".into() };
/// assert!(note::about.eq(nobody).matches(&sample));
/// assert_eq!(sample.target(), Target::customer(nobody));
/// assert!(!format!("{sample:?}").contains("Ala"), "personal columns stay out of logs");
/// # }
/// ```
#[macro_export]
macro_rules! entity {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            kind: $kind:literal,
            $home:ident: $home_value:tt,
            key: ($($key:ident: $key_type:ty),+),
            columns: $columns:ident
            $(, version: $version:ident)?
            $(, unique: { $($unique:ident: [$($unique_column:ident),+]),+ $(,)? })?
            $(, counters: [$($counter:ident),* $(,)?])?
            $(, personal: [$($personal:ident),* $(,)?])?
            $(, scoped: {
                $(branch: $branch:ident $(,)?)? $(customer: $customer:ident $(,)?)? $(owner: $owner:ident $(,)?)?
            })?
            $(,)?
        } {
            $($(#[$field_meta:meta])* $field:ident: $type:ty),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, $crate::reexport::serde::Serialize, $crate::reexport::serde::Deserialize)]
        #[serde(crate = "::crm_core::reexport::serde")]
        $vis struct $name {
            $($(#[$field_meta])* pub $field: $type),+
        }

        #[doc = concat!("The columns of [`", stringify!($name), "`], for filters and orders.")]
        #[allow(non_upper_case_globals, unused_imports, missing_docs, reason = "columns carry the names of the fields")]
        $vis mod $columns {
            use super::*;
            $crate::entity!(@columns $name; 0; $($field: $type,)+);
        }

        impl $crate::work::Entity for $name {
            #[allow(unused_parens, reason = "a key of one column is no tuple")]
            type Id = ($($key_type),+);

            const SCHEMA: &'static $crate::work::Schema = {
                const COLUMNS: &[$crate::work::Column] = &[$(
                    $crate::work::Column {
                        name: stringify!($field),
                        column_type: <$type as $crate::work::Field>::TYPE,
                        nullable: <$type as $crate::work::Field>::NULLABLE,
                    }
                ),+];
                &$crate::work::Schema {
                    kind: $kind,
                    home: $crate::entity!(@home COLUMNS, $home, $home_value),
                    columns: COLUMNS,
                    key: &[$($crate::work::column_position(COLUMNS, stringify!($key))),+],
                    version: $crate::entity!(@option $($crate::work::column_position(COLUMNS, stringify!($version)))?),
                    unique: &[$($($crate::work::Unique {
                        name: stringify!($unique),
                        columns: &[$($crate::work::column_position(COLUMNS, stringify!($unique_column))),+],
                    }),+)?],
                    counters: &[$($($crate::work::column_position(COLUMNS, stringify!($counter))),*)?],
                    personal: &[$($($crate::work::column_position(COLUMNS, stringify!($personal))),*)?],
                    scoped: &[$(
                        $($crate::work::column_position(COLUMNS, stringify!($branch)),)?
                        $($crate::work::column_position(COLUMNS, stringify!($customer)),)?
                        $($crate::work::column_position(COLUMNS, stringify!($owner)),)?
                    )?],
                }
            };

            #[allow(unused_parens, clippy::clone_on_copy, reason = "a key of one column is no tuple; some keys are not Copy")]
            fn id(&self) -> Self::Id {
                ($(self.$key.clone()),+)
            }

            fn version(&self) -> Option<$crate::work::Version> {
                $crate::entity!(@option $(self.$version)?)
            }

            #[allow(unused_variables, reason = "some kinds have no version")]
            fn set_version(&mut self, version: $crate::work::Version) {
                $(self.$version = version;)?
            }

            fn to_row(&self) -> $crate::work::Row {
                ::std::sync::Arc::new([$($crate::work::Field::to_value(&self.$field)),+])
            }

            fn from_row(row: &[$crate::work::Value]) -> $crate::Result<Self> {
                let mut values = row.iter();
                Ok(Self {
                    $($field: $crate::work::Field::from_value(
                        values.next().ok_or_else(|| $crate::work::misfit(stringify!($name)))?,
                    )?),+
                })
            }
        }

        $(
            impl $crate::access::Scoped for $name {
                const BRANCH: Option<$crate::work::Col<Self, Option<$crate::branches::BranchId>>> =
                    $crate::entity!(@option $($crate::work::Col::at($columns::$branch.position()))?);
                const CUSTOMER: Option<$crate::work::Col<Self, Option<$crate::customers::CustomerId>>> =
                    $crate::entity!(@option $($crate::work::Col::at($columns::$customer.position()))?);
                const OWNER: Option<$crate::work::Col<Self, Option<$crate::access::UserId>>> =
                    $crate::entity!(@option $($crate::work::Col::at($columns::$owner.position()))?);

                fn target(&self) -> $crate::access::Target {
                    $crate::access::Target {
                        branch: $crate::entity!(@belongs $(self.$branch)?),
                        customer: $crate::entity!(@belongs $(self.$customer)?),
                        owner: $crate::entity!(@belongs $(self.$owner)?),
                    }
                }
            }
        )?

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                let personal = <Self as $crate::work::Entity>::SCHEMA.personal;
                let mut shown = f.debug_struct(stringify!($name));
                let mut at = 0;
                $(
                    if personal.contains(&at) {
                        shown.field(stringify!($field), &format_args!("<personal>"));
                    } else {
                        shown.field(stringify!($field), &self.$field);
                    }
                    at += 1;
                )+
                let _ = at;
                shown.finish()
            }
        }
    };
    (@home $all:ident, table, $table:literal) => { $crate::work::Home::Table($table) };
    (@home $all:ident, records, [$($column:ident),* $(,)?]) => {
        $crate::work::Home::Records(&[$($crate::work::column_position($all, stringify!($column))),*])
    };
    (@option) => { None };
    (@option $value:expr) => { Some($value) };
    (@belongs) => { None };
    (@belongs $value:expr) => { ::std::convert::Into::into($value) };
    (@columns $name:ident; $at:expr;) => {};
    (@columns $name:ident; $at:expr; $field:ident: $type:ty, $($rest:tt)*) => {
        pub const $field: $crate::work::Col<$name, $type> = $crate::work::Col::at($at);
        $crate::entity!(@columns $name; $at + 1; $($rest)*);
    };
}
