import Assets
import HTTPTypes
import Hummingbird
import NIOCore

/// `/admin`: the operator's page and its parts. They hold no data, so anybody may load them: the page asks for the token, and with it
/// everything else from `/admin/v1`.
struct OperatorPageController: Sendable {
    var routes: RouteCollection<RelayContext> {
        let routes = RouteCollection(context: RelayContext.self)
        Self.add(Asset.page, at: "", to: routes)
        for part in Asset.parts { Self.add(part, at: RouterPath(part.name), to: routes) }
        return routes
    }

    /// Where its parts are.
    static var paths: [String] { Asset.parts.map { "/admin/\($0.name)" } }

    private static func add(_ asset: Asset, at path: RouterPath, to routes: RouteCollection<RelayContext>) {
        var headers = Self.headers
        headers[.contentType] = asset.contentType
        let response = Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: asset.bytes)))
        routes.get(path) { _, _ in response }
    }

    // Nothing but our own scripts and styles, no request but to us, in nobody's frame; and no text becomes markup or script, not even by
    // our mistake (https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/).
    private static let contentSecurityPolicy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'",
        "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
    ].joined(separator: "; ")

    private static let headers: HTTPFields = [
        .contentSecurityPolicy: contentSecurityPolicy,
        .xContentTypeOptions: "nosniff",
        .token("Referrer-Policy"): "no-referrer",
        .token("Cross-Origin-Opener-Policy"): "same-origin",
        .token("Cross-Origin-Resource-Policy"): "same-origin",
        .cacheControl: "no-store",
    ]
}
