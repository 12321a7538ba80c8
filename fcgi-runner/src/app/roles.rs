//! What a web server may want of an application: an answer, a verdict, or a file made into an answer.
//!
//! In comes something for each of the roles, from targets to callables; out goes the one for the role of a request, or the
//! set of roles that somebody plays. Source: FastCGI 1.0 section 6.

use fcgi_proto::Role;
use fcgi_proto::server::Roles;

/// Something for each role; `None` where nobody plays it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ByRole<T> {
    /// For requests that want an answer.
    pub responder: Option<T>,
    /// For requests that want to know whether a visitor may come in.
    pub authorizer: Option<T>,
    /// For requests that bring a file and want an answer made of it.
    pub filter: Option<T>,
}

impl<T> Default for ByRole<T> {
    fn default() -> Self {
        Self { responder: None, authorizer: None, filter: None }
    }
}

impl<T> ByRole<T> {
    /// What is there for a role.
    pub fn of(&self, role: Role) -> Option<&T> {
        match role {
            Role::RESPONDER => self.responder.as_ref(),
            Role::AUTHORIZER => self.authorizer.as_ref(),
            Role::FILTER => self.filter.as_ref(),
            _ => None,
        }
    }

    /// What is there, responder first.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        [&self.responder, &self.authorizer, &self.filter].into_iter().flatten()
    }

    /// The roles that somebody plays.
    pub fn roles(&self) -> Roles {
        let there = ROLES.into_iter().filter(|role| self.of(*role).is_some());
        there.fold(Roles::NONE, Roles::with)
    }

    /// Makes something else of each.
    pub fn map<U>(&self, mut change: impl FnMut(&T) -> U) -> ByRole<U> {
        ByRole {
            responder: self.responder.as_ref().map(&mut change),
            authorizer: self.authorizer.as_ref().map(&mut change),
            filter: self.filter.as_ref().map(change),
        }
    }

    /// Makes something else of each, responder first; fails with the first that cannot be made.
    ///
    /// # Errors
    /// The first one of `change`.
    pub fn try_map<U, E>(&self, mut change: impl FnMut(Role, &T) -> Result<U, E>) -> Result<ByRole<U>, E> {
        let mut one = |role| self.of(role).map(|value| change(role, value)).transpose();
        Ok(ByRole {
            responder: one(Role::RESPONDER)?,
            authorizer: one(Role::AUTHORIZER)?,
            filter: one(Role::FILTER)?,
        })
    }
}

/// The word for a role: `responder`, `authorizer` or `filter`.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::AUTHORIZER => "authorizer",
        Role::FILTER => "filter",
        _ => "responder",
    }
}

const ROLES: [Role; 3] = [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_own() {
        let some = ByRole { responder: None, authorizer: Some("a"), filter: Some("f") };
        assert_eq!(ROLES.map(|role| some.of(role).copied()), [None, Some("a"), Some("f")]);
        assert_eq!(some.of(Role(4)), None);
        assert_eq!(some.values().copied().collect::<Vec<_>>(), ["a", "f"]);
        assert_eq!(some.roles(), Roles::NONE.with(Role::FILTER).with(Role::AUTHORIZER));
        let named = some.try_map(|role, value| Ok::<_, ()>(format!("{value} {}", role_name(role))));
        let expected = ByRole {
            responder: None,
            authorizer: Some("a authorizer".into()),
            filter: Some("f filter".into()),
        };
        assert_eq!(named, Ok(expected));
        assert_eq!(some.try_map(|role, _| Err::<(), _>(role)), Err(Role::AUTHORIZER));
    }
}
