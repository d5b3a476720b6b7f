//! Users and groups of this host, from /etc/passwd and /etc/group.
//!
//! Other sources of names, such as LDAP, are not asked: a program of netmon's would have to run their code. A number is
//! always understood.

use std::{fs, io, path::PathBuf};

use thiserror::Error;

/// A user of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    /// Its name. `None` for a number that is in no line of /etc/passwd.
    pub(super) name: Option<String>,
    /// Its own group. `None` for such a number.
    pub(super) gid: Option<u32>,
    pub(super) home: PathBuf,
    pub(super) shell: String,
}

/// A user or group is not known.
#[derive(Debug, Error)]
pub enum AccountError {
    /// No line of the file has this name.
    #[error("there is no {kind} {name:?} in {file}; create it, or write its number")]
    Unknown {
        /// `user` or `group`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The file.
        file: &'static str,
    },
    /// The file cannot be read.
    #[error("cannot read {file}")]
    File {
        /// The file.
        file: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// The two files, as they are.
pub(super) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    /// Reads both files. A host without them has no names.
    pub(super) fn read() -> Result<Self, AccountError> {
        let read = |file: &'static str| match fs::read(file) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(source) => Err(AccountError::File { file, source }),
        };
        Ok(Self { passwd: read(PASSWD)?, group: read(GROUP)? })
    }

    /// Returns a user, by name or number.
    pub(super) fn user(&self, name: &str) -> Result<Account, AccountError> {
        let number = name.parse::<u32>().ok();
        let users = self.passwd.lines().filter_map(account);
        let mut users = users.filter(|user| user.name.as_deref() == Some(name) || number == Some(user.uid));
        let unnamed = number.map(|uid| Account {
            uid,
            name: None,
            gid: None,
            home: "/".into(),
            shell: "/bin/sh".to_owned(),
        });
        let unknown = || AccountError::Unknown { kind: "user", name: name.to_owned(), file: PASSWD };
        users.next().or(unnamed).ok_or_else(unknown)
    }

    /// Returns the number of a group, by name or number.
    pub(super) fn group(&self, name: &str) -> Result<u32, AccountError> {
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        let found = self.groups().find(|(known, ..)| *known == name).map(|(_, gid, _)| gid);
        found.ok_or_else(|| AccountError::Unknown { kind: "group", name: name.to_owned(), file: GROUP })
    }

    /// Returns the groups that a user is a member of beside its own.
    pub(super) fn groups_of(&self, account: &Account) -> Vec<u32> {
        let Some(name) = &account.name else { return Vec::new() };
        let is_member = |members: &str| members.split(',').any(|member| member == name);
        self.groups().filter(|(_, _, members)| is_member(members)).map(|(_, gid, _)| gid).collect()
    }

    /// Returns the name, number and members of each group (group(5)).
    fn groups(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((name, fields.nth(1)?.parse().ok()?, fields.next().unwrap_or_default()))
        })
    }
}

/// Reads a line of /etc/passwd (passwd(5)).
fn account(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, shell] = fields[..] else { return None };
    let shell = if shell.is_empty() { "/bin/sh" } else { shell };
    Some(Account {
        uid: uid.parse().ok()?,
        name: Some(name.to_owned()),
        gid: Some(gid.parse().ok()?),
        home: home.into(),
        shell: shell.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: "root:x:0:0:root:/root:/bin/bash\nbroken\nwww:x:33:34::/var/www:\n".to_owned(),
            group: "root:x:0:\nwww:x:34:\nadm:x:4:syslog,www\nlog:x:5:wwwx\n".to_owned(),
        }
    }

    #[test]
    fn a_user_is_found_by_name_or_number_with_its_groups() {
        let accounts = accounts();
        let www = accounts.user("www").unwrap();
        assert_eq!((www.uid, www.gid, www.shell.as_str()), (33, Some(34), "/bin/sh"));
        assert_eq!(www.home, PathBuf::from("/var/www"));
        assert_eq!(accounts.user("33").unwrap(), www);
        assert_eq!(accounts.groups_of(&www), [4]);
    }

    #[test]
    fn a_number_needs_no_name_and_an_unknown_name_is_reported() {
        let accounts = accounts();
        let unnamed = accounts.user("4711").unwrap();
        assert_eq!((unnamed.uid, unnamed.gid, unnamed.name.clone()), (4711, None, None));
        assert!(accounts.groups_of(&unnamed).is_empty());
        let error = accounts.user("no-such-user").unwrap_err().to_string();
        assert_eq!(error, "there is no user \"no-such-user\" in /etc/passwd; create it, or write its number");
        assert_eq!((accounts.group("adm").unwrap(), accounts.group("77").unwrap()), (4, 77));
        assert!(accounts.group("none").unwrap_err().to_string().contains("no group \"none\""));
    }
}
