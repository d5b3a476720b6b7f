//! As whom a service's command runs and with which environment: the lab file's words, looked up on this host.

use std::{collections::BTreeMap, ffi::OsString};

use netmon_kernel::sys::credentials::Credentials;
use netmon_model::lab::{Execution, SERVICE_CAPABILITIES, capability_bits};

use super::account::{Account, AccountError, Accounts};

/// Variables that a service gets from netmon's environment: those of the language and the time zone.
const PASSED_ON: [&str; 3] = ["LANG", "LANGUAGE", "TZ"];
/// The prefix of those that set one part of the language (locale(7)).
const LOCALE: &str = "LC_";
/// PATH if netmon has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// As whom a command runs, and with which variables.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) credentials: Credentials,
    pub(super) environment: BTreeMap<OsString, OsString>,
}

/// Looks a service's user and groups up, and puts its environment together. `own` has netmon's user and environment.
pub(super) fn resolve(
    execution: &Execution,
    own: (u32, &BTreeMap<OsString, OsString>),
) -> Result<Resolved, AccountError> {
    let (own_user, own_environment) = own;
    let accounts = Accounts::read()?;
    let account = match &execution.user {
        Some(user) => accounts.user(user)?,
        None => accounts.user(&own_user.to_string())?,
    };
    Ok(Resolved {
        credentials: credentials(execution, &accounts, &account)?,
        environment: environment(execution, &account, own_environment),
    })
}

fn credentials(
    execution: &Execution,
    accounts: &Accounts,
    account: &Account,
) -> Result<Credentials, AccountError> {
    let group = execution.group.as_deref().map(|group| accounts.group(group)).transpose()?;
    let capabilities = execution.capabilities.as_deref().map(capability_bits);
    let bounding =
        (account.uid == 0 && capabilities.is_none()).then(|| capability_bits(&SERVICE_CAPABILITIES));
    let Some(_) = execution.user else {
        // netmon's own user, in this group only.
        let groups = group.map(|_| Vec::new());
        return Ok(Credentials { user: None, group, groups, capabilities, bounding });
    };
    let mut groups = accounts.groups_of(account);
    // A number without a line in /etc/passwd has no group of its own, and must not keep netmon's.
    let group = group.or(account.gid).unwrap_or(account.uid);
    groups.retain(|other| *other != group);
    let capabilities = capabilities.or((account.uid != 0).then_some(0));
    let (user, group, groups) = (Some(account.uid), Some(group), Some(groups));
    Ok(Credentials { user, group, groups, capabilities, bounding })
}

fn environment(
    execution: &Execution,
    account: &Account,
    own: &BTreeMap<OsString, OsString>,
) -> BTreeMap<OsString, OsString> {
    let is_passed_on = |name: &OsString| {
        let name = name.to_string_lossy();
        execution.inherits_env || PASSED_ON.contains(&&*name) || name.starts_with(LOCALE)
    };
    let mut all: BTreeMap<OsString, OsString> = own
        .iter()
        .filter(|(name, _)| is_passed_on(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let path = own.get::<OsString>(&"PATH".into()).filter(|path| !path.is_empty());
    all.insert("PATH".into(), path.cloned().unwrap_or_else(|| DEFAULT_PATH.into()));
    all.insert("HOME".into(), account.home.clone().into());
    all.insert("SHELL".into(), account.shell.clone().into());
    for name in ["USER", "LOGNAME"] {
        all.insert(name.into(), account.name.clone().unwrap_or_else(|| account.uid.to_string()).into());
    }
    all.extend(execution.env.iter().map(|(name, value)| (name.into(), value.into())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> BTreeMap<OsString, OsString> {
        let own = [("PATH", "/opt/bin:/bin"), ("SECRET_TOKEN", "x"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")];
        own.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn resolved(execution: &Execution) -> Resolved {
        resolve(execution, (0, &own())).unwrap()
    }

    fn names(resolved: &Resolved) -> Vec<&str> {
        resolved.environment.keys().map(|name| name.to_str().unwrap()).collect()
    }

    #[test]
    fn the_environment_is_a_short_one_unless_more_is_asked_for() {
        let plain = resolved(&Execution::default());
        assert_eq!(names(&plain), ["HOME", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TZ", "USER"]);
        assert_eq!(plain.environment[&OsString::from("PATH")], "/opt/bin:/bin");
        assert_eq!(plain.environment[&OsString::from("USER")], "root");
        let env =
            BTreeMap::from([("PGDATA".to_owned(), "/srv".to_owned()), ("HOME".to_owned(), "/h".to_owned())]);
        let more = resolved(&Execution { env, inherits_env: true, ..Execution::default() });
        assert!(names(&more).contains(&"SECRET_TOKEN") && names(&more).contains(&"PGDATA"));
        assert_eq!(more.environment[&OsString::from("HOME")], "/h");
    }

    #[test]
    fn another_user_has_its_own_groups_and_no_capabilities_unless_some_are_named() {
        let user = Some("65533".to_owned());
        let plain = resolved(&Execution { user: user.clone(), ..Execution::default() }).credentials;
        let expected = Credentials {
            user: Some(65533),
            group: Some(65533),
            groups: Some(Vec::new()),
            capabilities: Some(0),
            bounding: None,
        };
        assert_eq!(plain, expected);
        let capabilities = Some(vec!["CAP_NET_RAW".to_owned()]);
        let raw = resolved(&Execution { user, capabilities, ..Execution::default() }).credentials;
        assert_eq!(raw.capabilities, Some(1 << 13));
    }

    #[test]
    fn without_a_user_everything_stays_but_what_is_named() {
        let root = capability_bits(&SERVICE_CAPABILITIES);
        let expected = Credentials { bounding: Some(root), ..Credentials::default() };
        assert_eq!(resolved(&Execution::default()).credentials, expected);
        let group = resolved(&Execution { group: Some("7".to_owned()), ..Execution::default() }).credentials;
        assert_eq!((group.user, group.group, group.groups), (None, Some(7), Some(Vec::new())));
    }
}
