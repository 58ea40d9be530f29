//! The direction of dependencies: the core knows no driver and no runtime, storage knows the core, modules know the core
//! and not storage.
//!
//! Who depends on what is read from `cargo metadata` for the crates of this workspace, and from `Cargo.lock` for all
//! others: the lock file knows every platform, and nothing has to be fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const CORE: &str = "crm-core";
const STORAGE: &str = "crm-storage-diesel";
/// Programs, which may know everything. Nothing may know them.
const PROGRAMS: [&str; 2] = ["crm-examples", "crm-benches"];
/// What the core must not depend on, however far away.
const UNKNOWN_TO_CORE: [&str; 10] = [
    "diesel",
    "libsqlite3-sys",
    "rusqlite",
    "pq-sys",
    "postgres",
    "tokio",
    "async-std",
    "smol",
    "crm-storage-diesel",
    "crm-benches",
];

/// Crates and what they need to be built. Dev-dependencies are left out.
#[derive(Default)]
struct Graph {
    members: BTreeSet<String>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn add(&mut self, name: &str, needs: impl IntoIterator<Item = String>) {
        self.needs.entry(name.to_owned()).or_default().extend(needs);
    }

    /// Everything a crate depends on, directly or not.
    fn reach(&self, name: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut next = vec![name];
        while let Some(name) = next.pop() {
            for needed in self.needs.get(name).into_iter().flatten() {
                if found.insert(needed.as_str()) {
                    next.push(needed);
                }
            }
        }
        found
    }

    /// Dependencies that point the wrong way.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |depends: bool, name: &str, on: &str| {
            if self.reach(name).contains(on) != depends {
                faults.push(format!("{name} must {}depend on {on}", if depends { "" } else { "not " }));
            }
        };
        for name in UNKNOWN_TO_CORE {
            must(false, CORE, name);
        }
        must(true, STORAGE, CORE);
        for member in self.members.iter().map(String::as_str) {
            if member == CORE || PROGRAMS.contains(&member) {
                continue;
            }
            for program in PROGRAMS {
                must(false, member, program);
            }
            if member != STORAGE {
                must(true, member, CORE);
                must(false, member, STORAGE);
                must(false, STORAGE, member);
                must(false, CORE, member);
            }
        }
        faults
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

/// The crates of the workspace, from `cargo metadata`.
fn add_members(graph: &mut Graph, metadata: &Value) {
    for package in metadata["packages"].as_array().unwrap() {
        let name = text(package, "name");
        let needs = package["dependencies"].as_array().unwrap().iter();
        let needs = needs.filter(|needed| needed["kind"] != "dev").map(|needed| text(needed, "name").to_owned());
        graph.members.insert(name.to_owned());
        graph.add(name, needs);
    }
}

/// All other crates, from `Cargo.lock`.
fn add_locked(graph: &mut Graph, lock: &str) {
    for package in lock.split("[[package]]").skip(1) {
        let quoted: Vec<&str> = package.split('"').skip(1).step_by(2).collect();
        let name = quoted[0];
        if graph.members.contains(name) {
            continue;
        }
        let list = package.split_once("dependencies = [").map_or("", |(_, list)| list);
        // "name", or "name version" where there are several.
        let needs = list.split('"').skip(1).step_by(2).filter_map(|needed| needed.split(' ').next());
        graph.add(name, needs.map(str::to_owned));
    }
}

#[test]
fn dependencies_point_one_way() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let metadata = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(workspace)
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let mut graph = Graph::default();
    add_members(&mut graph, &serde_json::from_slice(&metadata.stdout).unwrap());
    add_locked(&mut graph, &std::fs::read_to_string(workspace.join("Cargo.lock")).unwrap());
    // The graph is whole: what is far away is seen.
    assert!(graph.reach(STORAGE).contains("libsqlite3-sys") && graph.reach("crm-benches").contains("tokio"));
    assert!(graph.reach(CORE).contains("libc"));
    assert_eq!(graph.faults(), [""; 0]);
}

fn made_up(needs: &[(&str, &[&str])]) -> Graph {
    let mut graph = Graph::default();
    for (name, needs) in needs {
        if name.starts_with("crm-") {
            graph.members.insert((*name).to_owned());
        }
        graph.add(name, needs.iter().map(|&needed| needed.to_owned()));
    }
    graph
}

#[test]
fn the_check_finds_what_it_looks_for() {
    let good: [(&str, &[&str]); 5] = [
        ("crm-core", &["serde"]),
        ("crm-storage-diesel", &["crm-core", "diesel"]),
        ("crm-rewards", &["crm-core"]),
        ("crm-examples", &["crm-storage-diesel", "crm-rewards", "tokio"]),
        ("net", &["tokio"]),
    ];
    assert_eq!(made_up(&good).faults(), [""; 0]);
    let faults_with = |name: &str, needs: &[&str]| {
        let mut graph = made_up(&good);
        graph.add(name, needs.iter().map(|&needed| needed.to_owned()));
        graph.faults()
    };
    assert_eq!(faults_with("crm-core", &["diesel"]), ["crm-core must not depend on diesel"]);
    assert_eq!(faults_with("serde", &["net"]), ["crm-core must not depend on tokio"]);
    assert_eq!(
        faults_with("crm-rewards", &["crm-storage-diesel"]),
        ["crm-rewards must not depend on crm-storage-diesel"]
    );
    assert_eq!(
        faults_with("crm-storage-diesel", &["crm-rewards"]),
        ["crm-storage-diesel must not depend on crm-rewards"]
    );
    assert_eq!(
        faults_with("crm-rewards", &["crm-examples"]),
        ["crm-rewards must not depend on crm-examples", "crm-rewards must not depend on crm-storage-diesel"]
    );
    let mut alone = made_up(&good);
    alone.needs.insert("crm-storage-diesel".to_owned(), BTreeSet::new());
    assert_eq!(alone.faults(), ["crm-storage-diesel must depend on crm-core"]);
}

#[test]
fn dev_dependencies_are_left_out() {
    let mut graph = Graph::default();
    add_members(
        &mut graph,
        &serde_json::json!({ "packages": [{ "name": "crm-core", "dependencies": [
            { "name": "a", "kind": null }, { "name": "b", "kind": "build" }, { "name": "c", "kind": "dev" },
        ] }] }),
    );
    add_locked(
        &mut graph,
        "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"x\"\ndependencies = [\n \"d\",\n \"e 2.0.0\",\n]\n\n\
         [[package]]\nname = \"crm-core\"\nversion = \"0.1.0\"\ndependencies = [\n \"c\",\n]\n\n[[package]]\nname = \"d\"\nversion = \"1.0.0\"\n",
    );
    assert_eq!(graph.reach("crm-core").into_iter().collect::<Vec<_>>(), ["a", "b", "d", "e"]);
}
