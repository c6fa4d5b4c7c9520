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
            for method in Self.commonMethods where !known.contains(method) {
                self.on(routes[0].path, method: method) { _, _ -> Response in
                    throw RequestError.methodNotAllowed(allow: allow)
                }
            }
        }
    }

    /// RFC 9110 §9.3 and RFC 5789; on others a path is unknown.
    private static var commonMethods: [HTTPRequest.Method] {
        [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
    }
}
