import Support
import Testing

@testable import API

@Suite("The operator's page, as it is served (PostgreSQL)", .timeLimit(.minutes(2)))
struct OperatorPageRouteTests {
    @Test("without a token set there is no page")
    func off() async throws {
        try await withAPI { api in
            for path in ["/admin", "/admin/page.js", "/admin/page.css"] {
                try expect(try await HTTPProbe(port: api.port).send("GET", path), 404, "page not found")
            }
        }
    }

    @Test("it is served to anybody, with a policy that lets nothing but its own files in, and is kept nowhere")
    func headers() async throws {
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            let probe = HTTPProbe(port: api.port)
            let page = try await probe.send("GET", "/admin")
            let parts = page.text.matches(of: #/(?:href|src)="(admin/[^"]+)"/#).map { "/\($0.1)" }
            #expect(parts.sorted() == ["/admin/page.css", "/admin/page.js"])
            let types = ["css": "text/css", "js": "text/javascript"]
            for path in ["/admin"] + OperatorPageController.paths {
                let answer = try await probe.send("GET", path)
                #expect(answer.status == 200 && !answer.body.isEmpty, "\(path)")
                let type = types[path.split(separator: ".").last.map(String.init) ?? ""] ?? "text/html"
                #expect(answer.headers["content-type"] == "\(type); charset=utf-8")
                let policy = answer.headers["content-security-policy"] ?? ""
                for rule in [
                    "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
                    "base-uri 'none'",
                    "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
                ] { #expect(policy.contains(rule), "\(rule)") }
                #expect(!policy.contains("unsafe"))
                #expect(answer.headers["x-content-type-options"] == "nosniff")
                #expect(answer.headers["referrer-policy"] == "no-referrer")
                #expect(answer.headers["cache-control"] == "no-store")
                #expect(try await probe.send("HEAD", path).status == 200)
                try expect(try await probe.send("POST", path), 405, "method not allowed")
            }
            #expect(try await probe.send("GET", "/admin/").headers["location"] == "/admin")
            try expect(try await probe.send("GET", "/admin/none.js"), 404, "page not found")
        }
    }

    @Test("its scripts and page load nothing from elsewhere, and make no markup from text")
    func contents() async throws {
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            let probe = HTTPProbe(port: api.port)
            for path in ["/admin"] + OperatorPageController.paths {
                let text = try await probe.send("GET", path).text
                    .replacing("http://www.w3.org/2000/svg", with: "")
                for word in [
                    "http:", "https:", "//cdn", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(",
                ] {
                    #expect(!text.contains(word), "\(path) has \(word)")
                }
                for found in text.matches(of: #/from "\.\/([a-z]+\.js)"/#) {
                    #expect(OperatorPageController.paths.contains("/admin/\(found.1)"))
                }
            }
        }
    }
}
