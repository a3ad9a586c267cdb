//! What a child task is granted at most: what its kind is granted, as far as its parent's kind is granted it too.
//! Does not know tasks or kinds: the runner says whose grants bound whose.

use std::path::{Component, Path};

use crate::{Access, FolderGrant, Grants, HttpGrant, SpawnGrant};

impl Grants {
    /// What is left of these grants where the other's are the most that may be had.
    ///
    /// A folder stays if it lies within one of the other's, to write if that one may be written to. Requests stay for targets
    /// that the other names in the same words, with methods and secrets that both have. Of child tasks the smaller numbers and
    /// the kinds that both may begin stay. It leaves less rather than more wherever the two are hard to compare.
    #[must_use]
    pub fn narrowed_by(&self, most: &Grants) -> Grants {
        Grants {
            folders: self.folders.iter().filter_map(|folder| narrow_folder(folder, &most.folders)).collect(),
            task_folder: self.task_folder && most.task_folder,
            http: self.http.iter().filter_map(|http| narrow_http(http, &most.http)).collect(),
            spawner: self.spawner.as_ref().zip(most.spawner.as_ref()).map(|(own, most)| narrow_spawner(own, most)),
        }
    }
}

fn narrow_folder(folder: &FolderGrant, most: &[FolderGrant]) -> Option<FolderGrant> {
    let covers = |outer: &&FolderGrant| lies_within(&folder.host_path, &outer.host_path);
    let access = most.iter().filter(covers).map(|outer| outer.access);
    // The widest that covers it.
    let allowed = access.reduce(|one, other| if other == Access::Write { other } else { one })?;
    let access = if allowed == Access::Write { folder.access } else { Access::Read };
    Some(FolderGrant { access, ..folder.clone() })
}

/// Whether a path leads into a folder, wherever links lead; not if that cannot be seen.
fn lies_within(inner: &Path, outer: &Path) -> bool {
    if inner == outer {
        return true;
    }
    let plain = |path: &Path| !path.components().any(|part| part == Component::ParentDir);
    let whole = |path: &Path| path.canonicalize().ok().filter(|path| plain(path));
    whole(inner).zip(whole(outer)).is_some_and(|(inner, outer)| inner.starts_with(outer))
}

fn narrow_http(http: &HttpGrant, most: &[HttpGrant]) -> Option<HttpGrant> {
    // One grant of the other's has to cover all of what is left: a target of one and a secret of another would be more than
    // either.
    most.iter().find_map(|most| {
        let targets: Vec<_> = http.targets.iter().filter(|target| most.targets.contains(target)).cloned().collect();
        let both = |methods: &[String]| -> Vec<String> {
            if methods.is_empty() { vec!["GET".to_owned(), "HEAD".to_owned()] } else { methods.to_vec() }
        };
        let allowed = both(&most.methods);
        let methods: Vec<_> = both(&http.methods).into_iter().filter(|method| allowed.contains(method)).collect();
        if targets.is_empty() || methods.is_empty() {
            return None;
        }
        Some(HttpGrant {
            targets,
            methods,
            private: http.private && most.private,
            secrets: http.secrets.iter().filter(|secret| most.secrets.contains(secret)).cloned().collect(),
            ..http.clone()
        })
    })
}

fn narrow_spawner(own: &SpawnGrant, most: &SpawnGrant) -> SpawnGrant {
    let both = |own: &[String], most: &[String]| own.iter().filter(|kind| most.contains(kind)).cloned().collect();
    SpawnGrant {
        kinds: both(&own.kinds, &most.kinds),
        delegates: both(&own.delegates, &most.delegates),
        max_depth: own.max_depth.min(most.max_depth),
        max_live: own.max_live.min(most.max_live),
        per_minute: own.per_minute.min(most.per_minute),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LiveGrants, SecretGrant, SecretText};

    fn folders(folders: Vec<FolderGrant>) -> Grants {
        Grants { folders, ..Grants::default() }
    }

    #[test]
    fn a_folder_stays_only_within_the_others_and_is_written_only_where_both_may() {
        let outer = tempfile::tempdir().unwrap();
        let (inner, sibling) = (outer.path().join("a/b"), outer.path().join("ab"));
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::create_dir_all(&sibling).unwrap();
        let out = outer.path().join("a/out");
        std::os::unix::fs::symlink(&sibling, &out).unwrap();
        let write = |path: &Path| FolderGrant { access: Access::Write, ..FolderGrant::read("files", path) };
        let left = |own: FolderGrant, most: Vec<FolderGrant>| {
            folders(vec![own]).narrowed_by(&folders(most)).folders.pop().map(|folder| folder.access)
        };
        let a = outer.path().join("a");
        assert_eq!(left(write(&inner), vec![FolderGrant::read("x", &a), write(&a)]), Some(Access::Write));
        assert_eq!(left(write(&inner), vec![FolderGrant::read("x", &a)]), Some(Access::Read));
        assert_eq!(left(FolderGrant::read("x", &inner), vec![write(&a)]), Some(Access::Read));
        for outside in [sibling.clone(), out, inner.join("../../ab"), outer.path().to_owned(), a.join("missing")] {
            assert_eq!(left(write(&outside), vec![write(&a)]), None, "{}", outside.display());
        }
        assert_eq!(left(write(&inner), Vec::new()), None);
    }

    #[test]
    fn requests_stay_where_one_grant_of_the_other_covers_them() {
        let target = |text: &str| text.parse().unwrap();
        let secret = |value: &str| SecretGrant { name: "key".to_owned(), value: SecretText::new(value.to_owned()) };
        let grant = |targets: &[&str], methods: &[&str], private, secrets| HttpGrant {
            name: "web".to_owned(),
            targets: targets.iter().map(|text| target(text)).collect(),
            methods: methods.iter().map(|&method| method.to_owned()).collect(),
            private,
            secrets,
        };
        let http = |http| Grants { http, ..Grants::default() };
        let own =
            http(vec![grant(&["https://a.example", "https://b.example"], &["GET", "POST"], true, vec![secret("1")])]);
        assert_eq!(own.narrowed_by(&Grants::default()).http, []);
        let most = http(vec![grant(&["https://b.example"], &[], false, vec![secret("2")])]);
        assert_eq!(own.narrowed_by(&most).http, [grant(&["https://b.example"], &["GET"], false, Vec::new())]);
        assert_eq!(own.narrowed_by(&own), own);
    }

    #[test]
    fn of_child_tasks_the_smaller_numbers_and_common_kinds_stay() {
        let spawner = |grant| Grants { spawner: Some(grant), ..Grants::default() };
        let own =
            SpawnGrant { delegates: vec!["b".to_owned()], ..SpawnGrant::new(vec!["a".to_owned(), "b".to_owned()]) };
        let most = SpawnGrant { max_live: 2, ..SpawnGrant::new(vec!["b".to_owned(), "c".to_owned()]) };
        let expected = SpawnGrant { max_live: 2, ..SpawnGrant::new(vec!["b".to_owned()]) };
        assert_eq!(spawner(own.clone()).narrowed_by(&spawner(most)).spawner, Some(expected));
        assert_eq!(spawner(own).narrowed_by(&Grants::default()).spawner, None);
    }

    #[test]
    fn grants_within_others_follow_each_of_them() {
        let full = Grants { task_folder: true, ..Grants::default() };
        let (own, parent) = (LiveGrants::from(full.clone()), LiveGrants::from(full.clone()));
        let bounded = own.within(vec![parent.clone()]);
        assert!(bounded.current().task_folder);
        assert!(std::sync::Arc::ptr_eq(&bounded.current(), &bounded.clone().current()));
        parent.replace(Grants::default());
        assert!(!bounded.current().task_folder);
        parent.replace(full);
        assert!(bounded.current().task_folder);
        own.replace(Grants::default());
        assert!(!bounded.current().task_folder);
    }
}
