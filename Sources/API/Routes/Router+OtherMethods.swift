import HTTPTypes
import Hummingbird

extension Router {
    /// Answers 405 with `Allow` on every known path for the methods it lacks, before authentication; the router alone
    /// answers 404. To be called after the last route.
    func refuseOtherMethods() {
        let methods = Dictionary(grouping: self.routes, by: { $0.path.description })
        for (_, routes) in methods {
            var known = Set(routes.map(\.method))
            // The router makes this one itself (`autoGenerateHeadEndpoints`).
            if known.contains(.get) { known.insert(.head) }
            let allow = known.map(\.rawValue).sorted().joined(separator: ", ")
            for method in Self.methods where !known.contains(method) {
                self.on(routes[0].path, method: method) { _, _ -> Response in
                    throw RequestError.methodNotAllowed(allow: allow)
                }
            }
        }
    }

    /// All that the HTTP parser lets through: RFC 9110 §9.3, RFC 5789, and the rest of IANA's registry as far as it knows it
    /// (and under its name for M-SEARCH).
    private static var methods: [HTTPRequest.Method] {
        [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
            + [
                "ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "MSEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR",
                "MKCOL", "MOVE", "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE", "QUERY", "REBIND", "REPORT", "SEARCH",
                "SOURCE", "SUBSCRIBE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
            ].compactMap { HTTPRequest.Method($0) }
    }
}
