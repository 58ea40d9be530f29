//! Cedar's integration tests, as far as this model can say them. A resource stands for a branch of its own, so that any set of
//! resources is a set of branches; conditions on attributes of principals are groups.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

/// A set of principals.
enum Who {
    Everybody,
    User(&'static str),
    /// Members of a `UserGroup`.
    In(&'static str),
    /// Those with this department and at least this level.
    Department(&'static str, i64),
}

/// A set of resources.
enum What {
    /// This one.
    Is(&'static str),
    /// Those in a container, however deep, and the container.
    In(&'static str),
    /// Those of the principal's own account.
    Own,
    /// Those of somebody in the principal's department.
    OfDepartment,
    /// Those that name the principal as one of their admins.
    Administers,
    /// Those that are private and not the principal's own.
    OthersPrivate,
}

struct Line(Effect, Who, &'static [&'static str], What);

const ANY: &[&str] = &["*"];

/// Each file with its policies as lines, or why it cannot be said: what a request carries beside who, what and on what
/// is no part of a decision here.
type Case = (&'static str, std::result::Result<&'static [Line], &'static str>);

const PERMIT: Effect = Effect::Permit;

const CASES: &[Case] = &[
    ("decimal/1", Err("a condition on the request")),
    ("decimal/2", Err("a condition on the request")),
    ("example_use_cases/1a", Ok(&[Line(PERMIT, Who::User("alice"), &["view"], What::Is("VacationPhoto94.jpg"))])),
    ("example_use_cases/2a", Ok(&[Line(PERMIT, Who::In("jane_friends"), &["view"], What::Is("VacationPhoto94.jpg"))])),
    ("example_use_cases/2b", Ok(&[Line(PERMIT, Who::User("alice"), &["view"], What::In("jane_vacation"))])),
    (
        "example_use_cases/2c",
        Ok(&[Line(PERMIT, Who::User("alice"), &["view", "edit", "comment"], What::In("jane_vacation"))]),
    ),
    ("example_use_cases/3a", Ok(&[Line(PERMIT, Who::Everybody, &["view"], What::In("jane_vacation"))])),
    (
        "example_use_cases/3b",
        Ok(&[Line(PERMIT, Who::User("alice"), &["listAlbums", "listPhotos", "view"], What::In("jane"))]),
    ),
    ("example_use_cases/3c", Ok(&[Line(PERMIT, Who::User("alice"), ANY, What::In("jane_vacation"))])),
    (
        "example_use_cases/4a",
        Ok(&[Line(
            PERMIT,
            Who::Department("HardwareEngineering", 5),
            &["listPhotos", "view"],
            What::In("device_prototypes"),
        )]),
    ),
    ("example_use_cases/4d", Ok(&[Line(PERMIT, Who::Everybody, ANY, What::Own)])),
    ("example_use_cases/4e", Ok(&[Line(PERMIT, Who::Everybody, &["view"], What::OfDepartment)])),
    (
        "example_use_cases/4f",
        Ok(&[Line(PERMIT, Who::Everybody, ANY, What::Own), Line(PERMIT, Who::Everybody, ANY, What::Administers)]),
    ),
    ("example_use_cases/5b", Err("a condition on the request")),
    ("ip/1", Err("a condition on the request")),
    ("ip/2", Err("a condition on the request")),
    ("ip/3", Err("a condition on the request")),
    (
        "multi/1",
        Ok(&[
            Line(PERMIT, Who::User("alice"), &["view"], What::In("jane_vacation")),
            Line(PERMIT, Who::User("bob"), &["view", "edit"], What::In("bob")),
        ]),
    ),
    (
        "multi/2",
        Ok(&[
            Line(PERMIT, Who::Everybody, &["view"], What::In("jane_vacation")),
            Line(Effect::Forbid, Who::User("bob"), &["view"], What::In("jane_vacation")),
        ]),
    ),
    (
        "multi/3",
        Ok(&[
            Line(PERMIT, Who::In("alice_friends"), &["view"], What::In("alice")),
            Line(Effect::Forbid, Who::Everybody, ANY, What::OthersPrivate),
        ]),
    ),
    ("multi/4", Err("a condition on the request")),
    ("multi/5", Err("a condition on the request")),
];

const ACTIONS: &[&str] = &["view", "comment", "edit", "delete", "addPhoto", "listAlbums", "listPhotos"];

/// The entities of a file.
struct World(BTreeMap<String, Value>);

impl World {
    fn name(uid: &Value) -> &str {
        uid["id"].as_str().unwrap()
    }

    /// Names are used for users and accounts alike, so ids go by type and name.
    fn id<I: From<Uuid>>(uid: &Value) -> I {
        Self::id_of(uid["type"].as_str().unwrap(), Self::name(uid))
    }

    fn id_of<I: From<Uuid>>(kind: &str, name: &str) -> I {
        let kind = if kind == "Administrator" { "User" } else { kind };
        let digest = <sha2::Sha256 as sha2::Digest>::digest(format!("{kind}/{name}"));
        Uuid::from_slice(&digest[..16]).unwrap().into()
    }

    fn of(&self, kinds: &[&str]) -> impl Iterator<Item = &Value> {
        self.0.values().filter(move |entity| kinds.contains(&entity["uid"]["type"].as_str().unwrap()))
    }

    fn users(&self) -> impl Iterator<Item = &Value> {
        self.of(&["User", "Administrator"])
    }

    fn resources(&self) -> impl Iterator<Item = &Value> {
        self.of(&["Photo", "Video", "Album", "Account"])
    }

    fn is_in(&self, entity: &Value, container: &str) -> bool {
        let parents = entity["parents"].as_array().unwrap();
        parents.iter().any(|parent| {
            let above = self.0.values().find(|one| one["uid"] == *parent);
            Self::name(parent) == container || above.is_some_and(|above| self.is_in(above, container))
        })
    }

    fn owner(&self, resource: &Value) -> Option<&Value> {
        let account = self.0.values().find(|one| one["uid"] == resource["attrs"]["account"])?;
        self.0.values().find(|one| one["uid"] == account["attrs"]["owner"])
    }

    fn is(&self, user: &Value, who: &Who) -> bool {
        match who {
            Who::Everybody => true,
            Who::User(name) => Self::name(&user["uid"]) == *name,
            Who::In(group) => self.is_in(user, group),
            Who::Department(name, level) => {
                let attrs = &user["attrs"];
                attrs["department"] == *name && attrs["jobLevel"].as_i64().unwrap() >= *level
            }
        }
    }

    fn policy(&self, lines: &[Line]) -> Policy {
        let mut snapshot = Snapshot::default();
        for entity in self.users() {
            snapshot.users.push(User { id: Self::id(&entity["uid"]), ..user(0) });
            if let Some(department) = entity["attrs"]["department"].as_str() {
                let department = Self::id_of("Department", department);
                snapshot.members.push(GroupMember { group_id: department, user_id: Self::id(&entity["uid"]) });
                snapshot.groups.push(StaffGroup { id: department, ..group(0, None) });
            }
        }
        for Line(effect, who, actions, what) in lines {
            let extent = match what {
                What::Own => Extent::Own,
                What::OfDepartment => Extent::Group,
                What::Is(_) | What::In(_) | What::Administers | What::OthersPrivate => Extent::Branch,
            };
            let grant = |action: &&str| Grant { permission: (*action).to_owned(), effect: *effect, extent };
            let n = snapshot.roles.len() as u128;
            snapshot.roles.push(role(n, actions.iter().map(grant)));
            for user in self.users().filter(|user| self.is(user, who)) {
                let own = |resource: &Value| self.owner(resource) == Some(user);
                let admins = |resource: &Value| resource["attrs"]["admins"].as_array().cloned().unwrap_or_default();
                let resources = self.resources().filter(|resource| match what {
                    What::Is(name) => World::name(&resource["uid"]) == *name,
                    What::In(name) => World::name(&resource["uid"]) == *name || self.is_in(resource, name),
                    What::Administers => admins(resource).contains(&user["uid"]),
                    What::OthersPrivate => resource["attrs"]["private"] == true && !own(resource),
                    What::Own | What::OfDepartment => false,
                });
                let branches: Vec<_> = resources.map(|resource| Self::id(&resource["uid"])).collect();
                let holder = Holder::User(Self::id(&user["uid"]));
                snapshot.assignments.push(assignment(snapshot.assignments.len() as u128, n, holder, branches));
            }
        }
        Policy::compile(snapshot, ACTIONS)
    }
}

#[test]
fn cedar_cases_as_far_as_they_can_be_said() {
    let Some(_) = crate::kernel::cases("access/cedar/tests/multi/1.json") else { return };
    let (mut said, mut unsaid, mut files) = (0, 0, BTreeSet::new());
    for (file, lines) in CASES {
        let case = crate::kernel::cases(&format!("access/cedar/tests/{file}.json")).unwrap();
        let requests = case["requests"].as_array().unwrap();
        files.insert(*file);
        let Ok(lines) = lines else {
            unsaid += requests.len();
            continue;
        };
        let entities = crate::kernel::cases(&format!("access/cedar/{}", case["entities"].as_str().unwrap())).unwrap();
        let entities = entities.as_array().unwrap().iter();
        let world = World(entities.map(|entity| (entity["uid"].to_string(), entity.clone())).collect());
        let policy = world.policy(lines);
        for request in requests {
            let principal = Principal::User(World::id(&request["principal"]));
            let action = ACTIONS.iter().find(|action| request["action"]["id"] == **action).unwrap();
            let resource = world.0.values().find(|one| one["uid"] == request["resource"]).unwrap();
            let owner = world.owner(resource).map(|owner| World::id(&owner["uid"]));
            let target = Target { owner, ..Target::branch(World::id(&resource["uid"])) };
            let allowed = policy.actor(&principal).unwrap().may(action, &target);
            assert_eq!(allowed, request["decision"] == "allow", "{file}: {}", request["description"]);
            let told = policy.explain(&principal, action, &target);
            assert_eq!(told.decision == Decision::Allowed, allowed, "{file}: {told}");
            // Cedar's reasons are the policies that decided; they are ours where a forbid decided.
            let forbidden = !allowed && !request["reason"].as_array().unwrap().is_empty();
            assert_eq!(told.decision == Decision::Forbidden, forbidden, "{file}: {told}");
            said += 1;
        }
    }
    assert_eq!(files.len(), CASES.len());
    // Not said: conditions on the time, the address or the size of a request, on whether it was authenticated.
    assert_eq!((said, unsaid), (48, 26));
}
