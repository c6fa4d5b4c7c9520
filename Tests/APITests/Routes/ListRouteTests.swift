import Foundation
import Postgres
import Support
import Testing

@testable import API

@Suite("The lists of a project: GET /session and GET /learning_spaces (PostgreSQL)", .timeLimit(.minutes(2)))
struct ListRouteTests {
    /// A list, and where what it can be filtered by is kept.
    struct List: Sendable, CustomTestStringConvertible {
        let path: String
        let table: String
        let column: String

        var filter: String { "filter_by_\(self.column)" }
        var testDescription: String { self.path }

        static let all = [
            List(path: "/api/v1/session", table: "public.sessions", column: "configs"),
            List(path: "/api/v1/learning_spaces", table: "public.learning_spaces", column: "meta"),
        ]

        /// Makes `count` rows at one time two by two, with `n` and `kind` in what they are filtered by; their ids in order.
        func fill(_ api: APIFixture, count: Int, user: UUID? = nil) async throws -> [String] {
            let owner = user.map { "'\($0)'" } ?? "NULL"
            try await api.database.script(
                """
                INSERT INTO \(self.table) (project_id, user_id, \(self.column), created_at)
                SELECT '\(api.project)', \(owner), jsonb_build_object('n', n, 'kind', jsonb_build_object('odd', n % 2 = 1)),
                    timestamptz '2026-02-23T07:42:45.123456Z' + (n / 2) * interval '1 microsecond'
                FROM generate_series(1, \(count)) AS n
                """
            )
            let ids: [UUID] = try await api.database.values("SELECT id FROM \(self.table) ORDER BY created_at, id")
            return ids.map(\.lowercased)
        }
    }

    private struct Page: Decodable {
        struct Item: Decodable { let id: String }

        let items: [Item]
        let has_more: Bool
        let next_cursor: String?

        var ids: [String] { self.items.map(\.id) }
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    @Test("gives pages in both directions, of twenty unless told otherwise", arguments: List.all)
    func pages(list: List) async throws {
        try await withAPI { api in
            let empty = try await api.client.send("GET", list.path)
            #expect(empty.text.contains(#""data":{"items":[],"has_more":false}"#))
            let ids = try await list.fill(api, count: 25)
            let first: Page = try await api.client.send("GET", "\(list.path)?limit=&cursor=").data()
            #expect(first.ids == Array(ids.prefix(20)) && first.has_more)
            let whole: Page = try await api.client.send("GET", "\(list.path)?limit=200").data()
            #expect(whole.ids == ids && !whole.has_more && whole.next_cursor == nil)
            for (query, expected) in [("", ids), ("&time_desc=true", ids.reversed())] {
                var seen: [String] = []
                var cursor = ""
                repeat {
                    let page: Page = try await api.client.send("GET", "\(list.path)?limit=3\(query)&cursor=\(cursor)")
                        .data()
                    #expect(page.has_more == (page.next_cursor != nil))
                    seen += page.ids
                    cursor = page.next_cursor ?? ""
                } while !cursor.isEmpty
                #expect(seen == expected)
            }
        }
    }

    @Test("has what its user's are, and what contains the filter", arguments: List.all)
    func conditions(list: List) async throws {
        try await withAPI { api in
            let others = try await list.fill(api, count: 4)
            let hers = try await list.fill(api, count: 4, user: try await api.makeUser("anna & co"))
                .filter { !others.contains($0) }
            let user = "user=\(Self.encoded("anna & co"))"
            let odd = "\(list.filter)=\(Self.encoded(#"{"kind": {"odd": true}}"#))"
            for (query, expected) in [
                (user, Set(hers)), ("user=anna", []), ("user=", Set(others + hers)),
            ] {
                let page: Page = try await api.client.send("GET", "\(list.path)?\(query)").data()
                #expect(Set(page.ids) == expected, "\(query)")
            }
            let odds: Page = try await api.client.send("GET", "\(list.path)?\(odd)").data()
            #expect(odds.items.count == 4)
            let both: Page = try await api.client.send("GET", "\(list.path)?\(odd)&\(user)&limit=1").data()
            #expect(both.items.count == 1 && both.has_more && hers.contains(both.ids[0]))
            for (filter, count) in [
                ("{}", 8), (" null ", 8), (#"{"n": 1.0}"#, 2), (#"{"n": 9007199254740993}"#, 0), (#"{"kind": {}}"#, 8),
                (#"{"kind": null}"#, 0), (#"{"n": 1, "n": 2}"#, 2), (#"{"é": "☃"}"#, 0),
            ] {
                let page: Page = try await api.client.send("GET", "\(list.path)?\(list.filter)=\(Self.encoded(filter))")
                    .data()
                #expect(page.items.count == count, "\(filter)")
            }
        }
    }

    @Test(
        "refuses limits, booleans, cursors and filters that are none, and passes no condition over", arguments: List.all
    )
    func failures(list: List) async throws {
        try await withAPI { api in
            _ = try await list.fill(api, count: 2)
            for query in [
                "limit=0", "limit=201", "limit=-1", "limit=x", "limit=1.0", "limit=99999999999999999999",
                "time_desc=yes",
                "time_desc=2", "user=%zz", "user=%ff", "user=%00",
            ] {
                try expect(try await api.client.send("GET", "\(list.path)?\(query)"), 400, "parameter error", query)
            }
            for cursor in ["x", "AAAA", "%00", "MXwy", "fA", String(repeating: "A", count: 5000)] {
                let answer = try await api.client.send("GET", "\(list.path)?cursor=\(cursor)")
                try expect(answer, 400, code: 500, "database error", cursor)
            }
            let deep = String(repeating: #"{"a":"#, count: 200) + "1" + String(repeating: "}", count: 200)
            for filter in [
                "[]", "1", "true", #""x""#, "{", "{]", "{} x", #"{"a":1e131072}"#, #"{"a":1e-99999}"#,
                #"{"a":"\u0000"}"#,
                #"{"\ud800":1}"#, "{\"a\":\"\u{0}\"}", deep, "{'a':1}", #"{"a":01}"#,
            ] {
                let answer = try await api.client.send("GET", "\(list.path)?\(list.filter)=\(Self.encoded(filter))")
                try expect(answer, 400, "invalid \(list.filter) JSON", filter)
            }
            for raw in ["%ff", "%zz", "{\"a\":\"%ff\"}".replacing("\"", with: "%22")] {
                let answer = try await api.client.send("GET", "\(list.path)?\(list.filter)=\(raw)")
                try expect(answer, 400, "invalid \(list.filter) JSON", raw)
            }
        }
    }

    @Test("shows nothing of another project's, not to its filters and cursors either", arguments: List.all)
    func isolation(list: List) async throws {
        try await withAPI { api in
            _ = try await list.fill(api, count: 5, user: try await api.makeUser("anna"))
            let page: Page = try await api.client.send("GET", "\(list.path)?limit=2").data()
            let cursor = try #require(page.next_cursor)
            let other = try await api.makeProject(phc: "unused")
            _ = try await api.makeUser("anna", project: other.id)
            let stranger = api.client(token: other.token)
            let filter = "\(list.filter)=\(Self.encoded(#"{"kind": {}}"#))"
            for query in [
                "", "user=anna", "cursor=\(cursor)", filter, "time_desc=true&cursor=\(cursor)&\(filter)&user=anna",
            ] {
                let page: Page = try await stranger.send("GET", "\(list.path)?\(query)").data()
                #expect(page.items.isEmpty && !page.has_more, "\(query)")
            }
        }
    }
}
