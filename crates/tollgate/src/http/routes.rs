//! How a route is added: its role, its handler and its description are one thing.
//!
//! There are four ways, [`Routes::public`], [`Routes::key`], [`Routes::management`] and [`Routes::admin`], and each
//! takes an [`endpoint!`](crate::http::endpoint). The last three take only handlers whose first parameter is the
//! [`Caller`] of that role, so that a route cannot promise a check that its handler does not make.

use std::fmt;

use axum::Router;
use axum::handler::Handler;
use utoipa::openapi::path::Paths;
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::caller::{Admin, Caller, Key, Management, Proven, Role};
use super::describe;

/// Names an annotated handler for [`Routes`]: `endpoint!(credits::show)`.
macro_rules! endpoint {
    ($handler:path) => {
        $crate::http::routes::Endpoint::new($handler, utoipa_axum::routes!($handler))
    };
}
pub(crate) use endpoint;

/// A handler and its description.
pub(crate) struct Endpoint<H, S> {
    /// Tells which parameters the handler has.
    _handler: H,
    described: UtoipaMethodRouter<S>,
}

impl<H, S> Endpoint<H, S> {
    /// Made by [`endpoint!`](crate::http::endpoint), which names one handler twice.
    pub(crate) fn new(handler: H, described: UtoipaMethodRouter<S>) -> Endpoint<H, S> {
        Endpoint { _handler: handler, described }
    }
}

/// Handlers, by the list `T` of their parameters, that begin with the caller of role `R`.
#[diagnostic::on_unimplemented(
    message = "a handler of this role takes its caller first",
    label = "begin the handler's parameters with `Caller(…): Caller<{R}>`"
)]
pub(crate) trait StartsWith<R> {}

macro_rules! starts_with {
    ($($parameters:ident)*) => {
        impl<R: Proven, M, $($parameters),*> StartsWith<R> for (M, Caller<R>, $($parameters,)*) {}
    };
}
starts_with!();
starts_with!(A);
starts_with!(A B);
starts_with!(A B C);
starts_with!(A B C D);
starts_with!(A B C D E);

/// A route as it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The method, in capitals.
    pub(crate) method: &'static str,
    /// The path as it is described, with its parameters in braces.
    pub(crate) path: String,
    /// Who may use it.
    pub(crate) role: Role,
}

/// The routes of a listener, each with its role and its description.
pub(crate) struct Routes<S> {
    router: Router<S>,
    pub(super) table: Vec<Declared>,
    pub(super) paths: Paths,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(crate) fn new() -> Routes<S> {
        Routes { router: Router::new(), table: Vec::new(), paths: Paths::new(), schemas: Vec::new() }
    }

    /// A route for anyone.
    pub(crate) fn public<H, T>(self, endpoint: Endpoint<H, S>) -> Self
    where
        H: Handler<T, S>,
    {
        self.add(Role::Public, endpoint)
    }

    /// A route for the holders of any live key.
    pub(crate) fn key<H, T>(self, endpoint: Endpoint<H, S>) -> Self
    where
        H: Handler<T, S>,
        T: StartsWith<Key>,
    {
        self.add(Role::Key, endpoint)
    }

    /// A route for the holders of a management key.
    pub(crate) fn management<H, T>(self, endpoint: Endpoint<H, S>) -> Self
    where
        H: Handler<T, S>,
        T: StartsWith<Management>,
    {
        self.add(Role::Management, endpoint)
    }

    /// A route for the operator, on the admin listener.
    pub(crate) fn admin<H, T>(self, endpoint: Endpoint<H, S>) -> Self
    where
        H: Handler<T, S>,
        T: StartsWith<Admin>,
    {
        self.add(Role::Admin, endpoint)
    }

    fn add<H>(mut self, role: Role, endpoint: Endpoint<H, S>) -> Self {
        let (schemas, paths, handlers) = endpoint.described;
        for (path, mut item) in paths.paths {
            self.router = self.router.route(&path, handlers.clone());
            let path = described_path(&path);
            for (method, operation) in describe::operations(&mut item) {
                describe::stamp(operation, role, method, &path);
                self.table.push(Declared { method, path: path.clone(), role });
            }
            match self.paths.paths.get_mut(&path) {
                Some(others) => others.merge_operations(item),
                None => {
                    self.paths.paths.insert(path, item);
                }
            }
        }
        self.schemas.extend(schemas);
        self
    }

    /// These routes and those.
    pub(crate) fn and(mut self, others: Routes<S>) -> Self {
        self.router = self.router.merge(others.router);
        self.table.extend(others.table);
        self.paths.merge(others.paths);
        self.schemas.extend(others.schemas);
        self
    }

    /// The routes alone.
    pub(crate) fn into_router(self) -> Router<S> {
        self.router
    }
}

impl<S> fmt::Debug for Routes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.table).finish()
    }
}

/// OpenAPI has no parameter that spans several parts of a path: it is described as one that is a part.
fn described_path(path: &str) -> String {
    path.replace("{*", "{")
}
