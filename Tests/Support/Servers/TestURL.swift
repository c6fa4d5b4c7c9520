import Foundation

/// The parts of a server's URL that tests exchange.
package struct TestURL: Sendable {
    private var components: URLComponents

    package init(_ string: String) throws {
        guard let components = URLComponents(string: string), components.host != nil else {
            throw TestError("not a URL with a host: \(string.prefix { $0 != ":" })…")
        }
        self.components = components
    }

    package var host: String { self.components.host ?? "" }
    package var port: Int { self.components.port ?? 0 }
    package var user: String { self.components.user ?? "" }
    package var password: String { self.components.password ?? "" }

    /// The URL with another path: another database, or another virtual host.
    package func path(_ name: String) -> String {
        var components = self.components
        components.path = "/" + name
        return components.string ?? ""
    }

    /// The URL with another port: a proxy's, or one where nothing listens yet.
    package func port(_ port: Int) -> String {
        var components = self.components
        components.port = port
        return components.string ?? ""
    }

    /// The URL with another user, whose password is the same.
    package func user(_ name: String) -> TestURL {
        var url = self
        url.components.user = name
        return url
    }
}
