/// A file that is served as it stands in Resources. In a module of its own: the compiler takes a second for each 4 KB of them.
package struct Asset: Sendable {
    /// The last part of its path.
    package let name: String
    package let contentType: String
    package let bytes: [UInt8]

    /// What describes every route (OpenAPI 3.1).
    package static let openAPI = Asset(
        name: "openapi.json", contentType: "application/json; charset=utf-8", PackageResources.openapi_json)

    /// The operator page itself.
    package static let page = Asset(
        name: "page.html", contentType: "text/html; charset=utf-8", PackageResources.page_html)

    /// What the page loads.
    package static let parts = [
        Asset(name: "page.css", contentType: "text/css; charset=utf-8", PackageResources.page_css),
        script("page.js", PackageResources.page_js),
        script("api.js", PackageResources.api_js),
        script("changes.js", PackageResources.changes_js),
        script("dom.js", PackageResources.dom_js),
        script("events.js", PackageResources.events_js),
        script("overview.js", PackageResources.overview_js),
        script("words.js", PackageResources.words_js),
    ]

    private init(name: String, contentType: String, _ bytes: [UInt8]) {
        self.name = name
        self.contentType = contentType
        self.bytes = bytes
    }

    private static func script(_ name: String, _ bytes: [UInt8]) -> Asset {
        Asset(name: name, contentType: "text/javascript; charset=utf-8", bytes)
    }
}
