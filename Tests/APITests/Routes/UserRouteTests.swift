import Foundation
import Postgres
import Support
import Testing

@testable import API

@Suite("/user (PostgreSQL)")
struct UserRouteTests {
    private struct User: Decodable {
        let id: String
        let project_id: String
        let identifier: String
        let created_at: String
        let updated_at: String
    }

    private struct Page: Decodable {
        let items: [User]
        let has_more: Bool
        let next_cursor: String?
    }

    private struct Resources: Decodable, Equatable {
        struct Counts: Decodable, Equatable {
            var sessions_count = 0
            var disks_count = 0
            var skills_count = 0
        }

        let counts: Counts
    }

    @Test("lists all of a project's unless it is told how many; a cursor means nothing then")
    func list() async throws {
        try await withAPI { api in
            let empty = try await api.client.send("GET", "/api/v1/user/ls")
            #expect(empty.text.contains(#""data":{"items":[],"has_more":false}"#))
            try await api.database.script(
                """
                INSERT INTO public.users (project_id, identifier, created_at)
                SELECT '\(api.project)', 'user ' || n, now() + (n / 2) * interval '1 microsecond' FROM generate_series(1, 250) AS n
                """
            )
            let ids: [UUID] = try await api.database.values("SELECT id FROM public.users ORDER BY created_at, id")
            let expected = ids.map(\.lowercased)
            for query in ["", "?limit=0", "?limit=", "?cursor=x"] {
                let page: Page = try await api.client.send("GET", "/api/v1/user/ls\(query)").data()
                #expect(page.items.map(\.id) == expected && !page.has_more && page.next_cursor == nil, "\(query)")
                #expect(page.items.allSatisfy { $0.project_id == api.project.lowercased })
            }
            var seen: [String] = []
            var cursor = ""
            repeat {
                let page: Page = try await api.client.send(
                    "GET", "/api/v1/user/ls?limit=200&time_desc=1&cursor=\(cursor)"
                ).data()
                seen += page.items.map(\.id)
                cursor = page.next_cursor ?? ""
            } while !cursor.isEmpty
            #expect(seen == expected.reversed())
            for query in ["limit=-1", "limit=201", "limit=x", "time_desc=x"] {
                try expect(try await api.client.send("GET", "/api/v1/user/ls?\(query)"), 400, "parameter error", query)
            }
            let bad = try await api.client.send("GET", "/api/v1/user/ls?limit=1&cursor=x")
            try expect(bad, 400, code: 500, "database error")
        }
    }

    @Test(
        "finds a user by any identifier there may be, as it is written in a path",
        arguments: [
            ("anna", "anna"), ("anna%40example.org", "anna@example.org"), ("a%2Fb", "a/b"),
            ("%C3%A9%20%F0%9F%98%80", "é 😀"),
            ("a+b", "a+b"), ("100%25", "100%"), ("ls", "ls"), ("resources", "resources"), ("..", ".."), ("%2e", "."),
            (":identifier", ":identifier"), ("%7Bx%7D", "{x}"), ("it's", "it's"),
        ]
    )
    func identifiers(path: String, identifier: String) async throws {
        try await withAPI { api in
            let body = try JSONEncoder().encode(["user": identifier])
            let made = try await api.client.send("POST", "/api/v1/session", body: String(decoding: body, as: UTF8.self))
            #expect(made.status == 201)
            let resources: Resources = try await api.client.send("GET", "/api/v1/user/\(path)/resources").data()
            #expect(resources == Resources(counts: .init(sessions_count: 1)))
            let page: Page = try await api.client.send("GET", "/api/v1/user/ls").data()
            #expect(page.items.map(\.identifier) == [identifier])
            let deleted = try await api.client.send("DELETE", "/api/v1/user/\(path)")
            try expect(deleted, 200, "")
            #expect(!deleted.text.contains("data"))
            #expect(try await api.database.value("SELECT count(*) FROM public.users") == 0)
            #expect(try await api.database.value("SELECT count(*) FROM public.sessions") == 0)
            try expect(try await api.client.send("GET", "/api/v1/user/\(path)/resources"), 404, "user not found")
        }
    }

    @Test("deletes a user that is none without complaint, and refuses what cannot be a name")
    func unknown() async throws {
        try await withAPI { api in
            _ = try await api.makeUser("anna")
            let before = try await api.footprint()
            for name in ["bob", "ann", "ANNA", "anna%20", String(repeating: "x", count: 4000)] {
                try expect(try await api.client.send("DELETE", "/api/v1/user/\(name)"), 200, "", name)
                try expect(
                    try await api.client.send("GET", "/api/v1/user/\(name)/resources"), 404, "user not found", name)
            }
            for name in ["%00", "%ff", "%zz", "a%"] {
                try expect(try await api.client.send("DELETE", "/api/v1/user/\(name)"), 400, "parameter error", name)
                try expect(
                    try await api.client.send("GET", "/api/v1/user/\(name)/resources"), 400, "parameter error", name)
            }
            #expect(try await api.footprint() == before)
        }
    }
}
