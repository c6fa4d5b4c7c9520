import Foundation
import Postgres
import Support
import Testing

@testable import API

@Suite("Authentication (PostgreSQL)")
struct AuthenticationTests {
    @Test("lets a project's token in and says Unauthorized to everything else")
    func tokens() async throws {
        try await withAPI { api in
            try expect(try await api.client.send("GET", "/api/v1/ping"), 200, "pong")
            for header in [
                nil, "", "Bearer", "Bearer \(api.token)x", "bearer \(api.token)", "Bearer  \(api.token)", api.token,
                "Basic \(api.token)", "Bearer sk-ac-", "Bearer \(api.token.dropFirst(6))",
                "Bearer sk-ac-\(String(repeating: "é", count: 5000))",
            ] {
                let answer = try await HTTPProbe(port: api.port).send(
                    "GET", "/api/v1/ping", headers: header.map { ["authorization": $0] } ?? [:]
                )
                try expect(answer, 401, "Unauthorized", header ?? "none")
                #expect(answer.headers["www-authenticate"] == "Bearer")
            }
        }
    }

    @Test("takes the form with a wrapped key")
    func wrapped() async throws {
        try await withAPI { api in
            let token = "sk-ac-AaGyw9Tl9qe4ydDh8qO0xdZNkrobQvwHWFRsnp5a3QtfbaDSDJQeRHxXPr4bGpc0g130EqBSjRNF"
            try expect(try await api.client(token: token).send("GET", "/api/v1/ping"), 401, "Unauthorized")
            let hmac = SecretHasher(pepper: APIFixture.pepper).hmac("a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6")
            try await api.database.script(
                "INSERT INTO public.projects (secret_key_hmac, secret_key_hash_phc) VALUES ('\(hmac)', 'unused')"
            )
            try expect(try await api.client(token: token).send("GET", "/api/v1/ping"), 200, "pong")
        }
    }

    @Test("verifies the Argon2 hash when that is on, and again when it has changed")
    func argon2() async throws {
        try await withAPI(verifiesArgon2: true) { api in
            try expect(try await api.client.send("GET", "/api/v1/ping"), 200, "pong")
            let another = try SecretHasher(pepper: APIFixture.pepper).phc("another secret")
            try await api.database.script("UPDATE public.projects SET secret_key_hash_phc = '\(another)'")
            try await Self.expectRefused(api)
        }
    }

    @Test("refuses a revoked token within three seconds, and asks for no more until then")
    func revoked() async throws {
        try await withAPI { api in
            try expect(try await api.client.send("GET", "/api/v1/ping"), 200, "pong")
            try await api.database.script("DELETE FROM public.projects")
            try expect(try await api.client.send("GET", "/api/v1/ping"), 200, "pong")
            try await Self.expectRefused(api)
        }
    }

    /// Within the time for which a token is remembered, and what a busy machine needs beyond it.
    private static func expectRefused(_ api: APIFixture) async throws {
        try await eventually("the token is refused", within: ProjectCache.lifetime + .seconds(2)) {
            try await api.client.send("GET", "/api/v1/ping").status == 401
        }
        try expect(try await api.client.send("GET", "/api/v1/ping"), 401, "Unauthorized")
    }

    @Test("refuses projects with encryption at rest, on every route, and reads nothing of them")
    func encrypted() async throws {
        try await withAPI { api in
            try await api.database.script(
                """
                ALTER TABLE public.projects ADD COLUMN encryption_enabled boolean NOT NULL DEFAULT false;
                UPDATE public.projects SET encryption_enabled = true
                """
            )
            let before = try await api.footprint()
            let routes = try OpenAPITests.routes().filter { $0.contains(" /api/v1/") }
            #expect(routes.count > 7)
            for route in routes {
                let words = route.replacing(#/\{\w+\}/#, with: UUID().uuidString).split(separator: " ").map(String.init)
                let body = words[0] == "GET" ? nil : #"{"status":"success","task_description":"x"}"#
                try expect(
                    try await api.client.send(words[0], words[1], body: body), 403,
                    "this project uses encryption at rest, which SkillRelay does not support", route
                )
            }
            #expect(try await api.footprint() == before)
            // Another project of the same installation is served.
            let other = try await api.makeProject(phc: "unused")
            try expect(try await api.client(token: other.token).send("GET", "/api/v1/ping"), 200, "pong")
        }
    }
}
