//! Which operation a method and a path mean.

use iam::percent;

/// An operation and the labels in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateCluster,
    GetCluster(String),
    UpdateCluster(String),
    DeleteCluster(String),
    ListClusters,
    GetVpcEndpointServiceName(String),
    PutClusterPolicy(String),
    GetClusterPolicy(String),
    DeleteClusterPolicy(String),
    TagResource(String),
    UntagResource(String),
    ListTagsForResource(String),
    CreateStream(String),
    GetStream(String, String),
    ListStreams(String),
    DeleteStream(String, String),
}

impl Operation {
    /// The model's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Operation::CreateCluster => "CreateCluster",
            Operation::GetCluster(_) => "GetCluster",
            Operation::UpdateCluster(_) => "UpdateCluster",
            Operation::DeleteCluster(_) => "DeleteCluster",
            Operation::ListClusters => "ListClusters",
            Operation::GetVpcEndpointServiceName(_) => "GetVpcEndpointServiceName",
            Operation::PutClusterPolicy(_) => "PutClusterPolicy",
            Operation::GetClusterPolicy(_) => "GetClusterPolicy",
            Operation::DeleteClusterPolicy(_) => "DeleteClusterPolicy",
            Operation::TagResource(_) => "TagResource",
            Operation::UntagResource(_) => "UntagResource",
            Operation::ListTagsForResource(_) => "ListTagsForResource",
            Operation::CreateStream(_) => "CreateStream",
            Operation::GetStream(..) => "GetStream",
            Operation::ListStreams(_) => "ListStreams",
            Operation::DeleteStream(..) => "DeleteStream",
        }
    }

    /// Whether nothing can change by it.
    pub(crate) fn is_read_only(&self) -> bool {
        self.name().starts_with("Get") || self.name().starts_with("List")
    }

    /// The cluster in its path, if there is one.
    pub(crate) fn cluster(&self) -> Option<&str> {
        match self {
            Operation::CreateCluster
            | Operation::ListClusters
            | Operation::TagResource(_)
            | Operation::UntagResource(_)
            | Operation::ListTagsForResource(_) => None,
            Operation::GetCluster(id)
            | Operation::UpdateCluster(id)
            | Operation::DeleteCluster(id)
            | Operation::GetVpcEndpointServiceName(id)
            | Operation::PutClusterPolicy(id)
            | Operation::GetClusterPolicy(id)
            | Operation::DeleteClusterPolicy(id)
            | Operation::CreateStream(id)
            | Operation::ListStreams(id)
            | Operation::GetStream(id, _)
            | Operation::DeleteStream(id, _) => Some(id),
        }
    }
}

/// The operation, by the raw path: labels may hold encoded slashes.
pub(crate) fn route(method: &str, path: &str) -> Option<Operation> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let label = |text: &str| percent::decode(text).map(std::borrow::Cow::into_owned);
    Some(match (method, segments.as_slice()) {
        ("POST", ["cluster"]) => Operation::CreateCluster,
        ("GET", ["cluster"]) => Operation::ListClusters,
        ("GET", ["cluster", id]) => Operation::GetCluster(label(id)?),
        ("POST", ["cluster", id]) => Operation::UpdateCluster(label(id)?),
        ("DELETE", ["cluster", id]) => Operation::DeleteCluster(label(id)?),
        ("GET", ["cluster", id, "policy"]) => Operation::GetClusterPolicy(label(id)?),
        ("POST", ["cluster", id, "policy"]) => Operation::PutClusterPolicy(label(id)?),
        ("DELETE", ["cluster", id, "policy"]) => Operation::DeleteClusterPolicy(label(id)?),
        ("GET", ["clusters", id, "vpc-endpoint-service-name"]) => {
            Operation::GetVpcEndpointServiceName(label(id)?)
        }
        ("GET", ["tags", arn]) => Operation::ListTagsForResource(label(arn)?),
        ("POST", ["tags", arn]) => Operation::TagResource(label(arn)?),
        ("DELETE", ["tags", arn]) => Operation::UntagResource(label(arn)?),
        ("GET", ["stream", cluster]) => Operation::ListStreams(label(cluster)?),
        ("POST", ["stream", cluster]) => Operation::CreateStream(label(cluster)?),
        ("GET", ["stream", cluster, id]) => Operation::GetStream(label(cluster)?, label(id)?),
        ("DELETE", ["stream", cluster, id]) => Operation::DeleteStream(label(cluster)?, label(id)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let id = "foo0bar1baz2quux3quuux4abc";
        for (method, path, name) in [
            ("POST", "/cluster".to_owned(), "CreateCluster"),
            ("GET", "/cluster".to_owned(), "ListClusters"),
            ("GET", format!("/cluster/{id}"), "GetCluster"),
            ("POST", format!("/cluster/{id}"), "UpdateCluster"),
            ("DELETE", format!("/cluster/{id}"), "DeleteCluster"),
            ("GET", format!("/cluster/{id}/policy"), "GetClusterPolicy"),
            ("POST", format!("/cluster/{id}/policy"), "PutClusterPolicy"),
            ("DELETE", format!("/cluster/{id}/policy"), "DeleteClusterPolicy"),
            (
                "GET",
                format!("/clusters/{id}/vpc-endpoint-service-name"),
                "GetVpcEndpointServiceName",
            ),
            ("GET", "/tags/arn%3Aaws%3Adsql".to_owned(), "ListTagsForResource"),
            ("POST", "/tags/x".to_owned(), "TagResource"),
            ("DELETE", "/tags/x".to_owned(), "UntagResource"),
            ("GET", format!("/stream/{id}"), "ListStreams"),
            ("POST", format!("/stream/{id}"), "CreateStream"),
            ("GET", format!("/stream/{id}/s"), "GetStream"),
            ("DELETE", format!("/stream/{id}/s"), "DeleteStream"),
        ] {
            assert_eq!(route(method, &path).unwrap().name(), name);
        }
        let arn = "/tags/arn%3Aaws%3Adsql%3Aus-east-1%3A123456789012%3Acluster%2Ffoo";
        let expected = "arn:aws:dsql:us-east-1:123456789012:cluster/foo".to_owned();
        assert_eq!(route("GET", arn), Some(Operation::ListTagsForResource(expected)));
        for (method, path) in [
            ("GET", "/"),
            ("GET", ""),
            ("PUT", "/cluster"),
            ("GET", "/clusters/x"),
            ("GET", "/cluster/x/y"),
            ("GET", "/cluster/%zz"),
            ("GET", "/cluster/x/policy/y"),
            ("PATCH", "/stream/x"),
        ] {
            assert_eq!(route(method, path), None, "{method} {path}");
        }
    }
}
