//! One error for the whole library. It answers the question a caller has: what can I do now?

use std::borrow::Cow;

/// The result of every fallible function of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, named by what the caller can do about it.
///
/// No variant carries a personal value or a secret: kinds, field names, rule codes and ids only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such record, or the actor may not know of it. Both look the same on purpose.
    #[error("{kind} {key} not found")]
    NotFound {
        /// The kind of entity that was looked for.
        kind: &'static str,
        /// The key as text.
        key: String,
    },
    /// A unique key is taken already. Use the record that has it, or choose another value.
    #[error("{kind}: another record has the same {unique}")]
    AlreadyExists {
        /// The kind of entity.
        kind: &'static str,
        /// The name of the unique key, for example `receipt`.
        unique: Cow<'static, str>,
    },
    /// The record changed since it was read. Read it again and decide again.
    #[error("{kind} was changed by someone else: read it again and retry")]
    Conflict {
        /// The kind of entity, or of resource, on which two writers met.
        kind: &'static str,
    },
    /// The input breaks a rule. Nothing was written; correct the field and call again.
    #[error("{field}: {rule}")]
    Invalid {
        /// The field, as the caller named it.
        field: Cow<'static, str>,
        /// A stable code of the rule that was broken, for example `money.overflow`. Translate it for people.
        rule: &'static str,
    },
    /// The actor has no grant for this.
    #[error("permission {permission} is needed")]
    Denied {
        /// The permission that was asked for.
        permission: Cow<'static, str>,
    },
    /// An idempotency key was used before with another payload. Use a fresh key for a new command.
    #[error("the idempotency key of {command} was used before with another payload")]
    IdempotencyMismatch {
        /// The command the key belongs to.
        command: Cow<'static, str>,
    },
    /// A write was tried where only reading is possible.
    #[error("this unit of work only reads")]
    ReadOnly,
    /// The system is at its limit. Nothing was written; try again later.
    #[error("busy: {reason}")]
    Busy {
        /// What is at its limit, for example `the write queue is full`.
        reason: Cow<'static, str>,
    },
    /// The connection was lost while committing, so it is unknown whether the work is stored.
    /// Repeat the call with the same idempotency key to learn the truth.
    #[error("the outcome is unknown: repeat the call with the same idempotency key")]
    OutcomeUnknown,
    /// A statement failed earlier in this unit of work, so nothing of it can be committed.
    #[error("an earlier statement of this unit of work failed; nothing was written")]
    Poisoned,
    /// The job panicked. Its writes were dropped; other jobs were not touched.
    #[error("the job panicked; nothing of it was written")]
    Panicked,
    /// The library was put together wrongly: a duplicate name, a missing requirement, a schema that does not fit.
    #[error("setup: {0}")]
    Setup(String),
    /// The storage or another backend failed.
    #[error("{context}")]
    Backend {
        /// What was being done.
        context: Cow<'static, str>,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// The kind of an [`Error`], for matching without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// See [`Error::NotFound`].
    NotFound,
    /// See [`Error::AlreadyExists`].
    AlreadyExists,
    /// See [`Error::Conflict`].
    Conflict,
    /// See [`Error::Invalid`].
    Invalid,
    /// See [`Error::Denied`].
    Denied,
    /// See [`Error::IdempotencyMismatch`].
    IdempotencyMismatch,
    /// See [`Error::ReadOnly`].
    ReadOnly,
    /// See [`Error::Busy`].
    Busy,
    /// See [`Error::OutcomeUnknown`].
    OutcomeUnknown,
    /// See [`Error::Poisoned`].
    Poisoned,
    /// See [`Error::Panicked`].
    Panicked,
    /// See [`Error::Setup`].
    Setup,
    /// See [`Error::Backend`].
    Backend,
}

impl Error {
    /// The field breaks the rule with this code.
    pub fn invalid(field: impl Into<Cow<'static, str>>, rule: &'static str) -> Self {
        Self::Invalid { field: field.into(), rule }
    }

    /// There is no record of this kind with this key.
    pub fn not_found(kind: &'static str, key: impl std::fmt::Display) -> Self {
        Self::NotFound { kind, key: key.to_string() }
    }

    /// A backend failed while doing `context`.
    pub fn backend(
        context: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Backend { context: context.into(), source: Some(source.into()) }
    }

    /// A limit was reached; nothing was written.
    pub fn busy(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Busy { reason: reason.into() }
    }

    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::AlreadyExists { .. } => ErrorKind::AlreadyExists,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Denied { .. } => ErrorKind::Denied,
            Self::IdempotencyMismatch { .. } => ErrorKind::IdempotencyMismatch,
            Self::ReadOnly => ErrorKind::ReadOnly,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::OutcomeUnknown => ErrorKind::OutcomeUnknown,
            Self::Poisoned => ErrorKind::Poisoned,
            Self::Panicked => ErrorKind::Panicked,
            Self::Setup(_) => ErrorKind::Setup,
            Self::Backend { .. } => ErrorKind::Backend,
        }
    }

    /// Whether the same call may succeed when it is made again later, unchanged.
    ///
    /// [`Error::OutcomeUnknown`] counts only with an idempotency key: without one the work may be done twice.
    ///
    /// ```
    /// use crm_core::Error;
    /// assert!(Error::busy("the write queue is full").is_retryable());
    /// assert!(!Error::invalid("phone", "phone.format").is_retryable());
    /// ```
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Busy { .. } | Self::OutcomeUnknown)
    }
}
