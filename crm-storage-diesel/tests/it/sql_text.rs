//! Rules of the text of migrations, so that every engine they are meant for takes them.

use crm_core::branches::Branch;
use crm_core::purchases::Purchase;
use crm_core::work::Entity;
use crm_storage_diesel::{Dialect, SHIPPED, create_table_sql};

fn statements(dialect: Dialect) -> Vec<&'static str> {
    SHIPPED
        .iter()
        .flat_map(|module| module.migrations)
        .flat_map(|migration| migration.statements(dialect).collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_call_is_one_statement() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let statements = statements(dialect);
        assert!(statements.len() > 15);
        for statement in statements {
            assert!(!statement.contains(';'), "{statement}");
            let words: Vec<&str> = statement.split_whitespace().take(2).collect();
            let fits = match words[..] {
                ["CREATE", "TABLE" | "INDEX"] => true,
                // Columns are added and no more, and none with a value of its own.
                ["ALTER", "TABLE"] if statement.contains(" ADD COLUMN ") => !statement.contains("NOT NULL"),
                // SQLite cannot change what a table is, so its rows move to a new one.
                ["INSERT", "INTO"] | ["DROP" | "ALTER", "TABLE"] => dialect == Dialect::Sqlite,
                _ => false,
            };
            assert!(fits, "{statement}");
        }
    }
}

#[test]
fn nothing_depends_on_the_moment_or_on_one_engine() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        for statement in statements(dialect) {
            let lower = statement.to_lowercase();
            for word in
                ["now(", "current_t", "random", "gen_", " like ", "default", "deferr", "trigger", "varchar", "?"]
            {
                assert!(!lower.contains(word), "{word} in {statement}");
            }
            // A column may have that name; it may not have that type.
            let mut types = lower.lines().filter_map(|line| line.split_whitespace().nth(1));
            let counted = ["serial", "bigserial", "smallserial"];
            assert!(!types.any(|name| counted.contains(&name.trim_end_matches(','))), "{statement}");
        }
    }
}

#[test]
fn constraints_and_texts_are_named_and_ordered() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        for line in statements(dialect).into_iter().flat_map(str::lines) {
            for constraint in ["PRIMARY KEY", "UNIQUE", "FOREIGN KEY", "CHECK"] {
                if line.contains(constraint) {
                    assert!(line.trim_start().starts_with("CONSTRAINT crm_"), "{line}");
                }
            }
            if dialect == Dialect::Postgres && line.contains(" text") {
                assert!(line.contains("COLLATE \"C\""), "{line}");
            }
        }
    }
}

#[test]
fn indexes_have_names_of_their_own() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let made = statements(dialect).into_iter().filter(|statement| statement.starts_with("CREATE"));
        let mut names: Vec<&str> = made.filter_map(|statement| statement.split_whitespace().nth(2)).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}

#[test]
fn a_table_from_a_schema_reads_like_one_by_hand() {
    assert_eq!(
        create_table_sql(Branch::SCHEMA, Dialect::Sqlite),
        r#"CREATE TABLE "crm_branches" (
    "id" BLOB NOT NULL,
    "version" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "zone" TEXT NOT NULL,
    "calendar" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "cutoff" TEXT NOT NULL,
    "active" INTEGER NOT NULL,
    CONSTRAINT "crm_branches_pk" PRIMARY KEY ("id"),
    CONSTRAINT "crm_branches_active_check" CHECK ("active" IN (0, 1))
) STRICT, WITHOUT ROWID;
"#
    );
    let purchases = create_table_sql(Purchase::SCHEMA, Dialect::Postgres);
    assert!(
        purchases.contains(r#"CONSTRAINT "crm_purchases_receipt" UNIQUE ("receipt_no", "branch_id")"#),
        "{purchases}"
    );
    assert!(purchases.contains(r#""occurred_at" timestamptz NOT NULL"#), "{purchases}");
}
