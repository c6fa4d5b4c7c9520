import Foundation
import Postgres
import Support
import Testing

@testable import API

@Suite("A session's configs, and its end (PostgreSQL)", .timeLimit(.minutes(2)))
struct SessionConfigsRouteTests {
    private static func path(_ session: UUID) -> String { "/api/v1/session/\(session.lowercased)/configs" }

    private struct Session: Decodable {
        let id: String
        let user_id: String?
        let updated_at: String
    }

    @Test("GET shows the whole session")
    func get() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            try await api.database.script(#"UPDATE public.sessions SET configs = '{"n": 9007199254740993.10}'"#)
            let answer = try await api.client.send("GET", Self.path(session))
            #expect(try answer.data(as: Session.self).id == session.lowercased)
            #expect(
                answer.text.contains(#""configs":{"n": 9007199254740993.10}"#)
                    && answer.text.contains(#""user_id":null"#))
        }
    }

    @Test("PUT replaces them; without the key, or with null, only the time changes")
    func put() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            func configs() async throws -> String {
                try await api.database.value("SELECT configs::text FROM public.sessions")
            }
            func updated() async throws -> String {
                try await api.client.send("GET", Self.path(session)).data(as: Session.self).updated_at
            }
            for (body, expected) in [
                (#"{"configs": {"a": {"b": 1.10}, "n": null}}"#, #"{"a": {"b": 1.10}, "n": null}"#),
                ("{}", #"{"a": {"b": 1.10}, "n": null}"#),
                (#"{"configs": null, "x": 1}"#, #"{"a": {"b": 1.10}, "n": null}"#),
                ("null", #"{"a": {"b": 1.10}, "n": null}"#), (#"{"configs": {"c": 1}}"#, #"{"c": 1}"#),
                (#"{"configs": {}}"#, "{}"),
            ] {
                let before = try await updated()
                let answer = try await api.client.send("PUT", Self.path(session), body: body)
                try expect(answer, 200, "", body)
                #expect(!answer.text.contains("data"))
                #expect(try await configs() == expected, "\(body)")
                #expect(try await updated() != before, "\(body)")
            }
            // Without a JSON content type no body is read.
            for headers in [[:], ["content-type": "text/plain"]] {
                let body = headers.isEmpty ? nil : #"{"configs": {"z": 1}}"#
                try expect(try await api.client.send("PUT", Self.path(session), headers: headers, body: body), 200, "")
            }
            #expect(try await configs() == "{}")
        }
    }

    @Test("PATCH sets keys, takes out those that are null, and answers with all of them")
    func patch() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            for (patch, expected) in [
                ("{}", "{}"), (#"{"a": 1.50, "b": {"x": 1, "y": null}}"#, #"{"a": 1.50, "b": {"x": 1, "y": null}}"#),
                (#"{"b": {"z": 9007199254740993}, "a": null, "never": null}"#, #"{"b": {"z": 9007199254740993}}"#),
                (#"{"b": null, "b": 2}"#, #"{"b": 2}"#), (#"{"b": 1, "b": null}"#, "{}"),
            ] {
                let answer = try await api.client.send("PATCH", Self.path(session), body: #"{"configs": \#(patch)}"#)
                try expect(answer, 200, "", patch)
                #expect(answer.text.contains(#""data":{"configs":\#(expected)}"#), "\(patch): \(answer.text)")
            }
        }
    }

    @Test("of patches at the same time none is lost")
    func concurrent() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<30 {
                    group.addTask {
                        let body = #"{"configs": {"k\#(n)": \#(n)}}"#
                        try expect(try await api.client.send("PATCH", Self.path(session), body: body), 200, "")
                    }
                }
                try await group.waitForAll()
            }
            let count = "SELECT count(*) FROM public.sessions, jsonb_object_keys(configs)"
            #expect(try await api.database.value(count) == 30)
        }
    }

    @Test("refuses what is no object, patches of more than 64 KiB, and ids that are none; nothing is changed")
    func failures() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            func patch(bytes: Int) -> String { #"{"configs": {"a":"\#(String(repeating: "x", count: bytes - 8))"}}"# }
            let before = try await api.footprint()
            for body in [
                "", "[]", "{", #"{"configs": []}"#, #"{"configs": 1}"#, #"{"configs": {"a": "\u0000"}}"#,
                #"{"configs": {"a": 1e200000}}"#,
            ] {
                for method in ["PUT", "PATCH"] {
                    let answer = try await api.client.send(method, Self.path(session), body: body)
                    try expect(answer, 400, "parameter error", "\(method) \(body)")
                }
            }
            for body in [nil, "{}", #"{"configs": null}"#, "null"] {
                let answer = try await api.client.send("PATCH", Self.path(session), body: body)
                try expect(answer, 400, "parameter error", body ?? "no body")
            }
            let tooLarge = try await api.client.send("PATCH", Self.path(session), body: patch(bytes: 65_537))
            try expect(tooLarge, 400, "configs size exceeds 64KB limit")
            for (method, message) in [
                ("GET", "parameter error"), ("PUT", "parameter error"), ("PATCH", "invalid session_id"),
            ] {
                let body = method == "GET" ? nil : #"{"configs": {}}"#
                try expect(try await api.client.send(method, "/api/v1/session/x/configs", body: body), 400, message)
            }
            try expect(try await api.client.send("DELETE", "/api/v1/session/x"), 400, "parameter error")
            #expect(try await api.footprint() == before)
            let largest = try await api.client.send("PATCH", Self.path(session), body: patch(bytes: 65_536))
            #expect(largest.status == 200)
            // Replaced they may be by anything that a request can hold.
            #expect(try await api.client.send("PUT", Self.path(session), body: patch(bytes: 100_000)).status == 200)
        }
    }

    @Test("tells a session that is missing from one of another project, but for PATCH")
    func missing() async throws {
        try await withAPI { api in
            let foreign = try await api.makeSession(project: try await api.makeProject(phc: "unused").id)
            let denied = "access denied: session does not belong to this project"
            for id in [UUID(), UUID.nilUUID, foreign] {
                for (method, path) in [
                    ("GET", Self.path(id)), ("PUT", Self.path(id)), ("DELETE", "/api/v1/session/\(id)"),
                ] {
                    let answer = try await api.client.send(method, path, body: method == "PUT" ? "{}" : nil)
                    if id == foreign {
                        try expect(answer, 403, denied)
                    } else {
                        try expect(answer, 404, "session not found")
                    }
                }
                let answer = try await api.client.send("PATCH", Self.path(id), body: #"{"configs": {}}"#)
                try expect(answer, 404, "session not found")
            }
        }
    }

    @Test("DELETE takes the session with its tasks, once")
    func delete() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            _ = try await api.makeTask(in: session)
            let kept = try await api.makeSession()
            let answer = try await api.client.send("DELETE", "/api/v1/session/\(session)")
            try expect(answer, 200, "")
            #expect(!answer.text.contains("data"))
            try expect(try await api.client.send("DELETE", "/api/v1/session/\(session)"), 404, "session not found")
            #expect(try await api.database.values("SELECT id FROM public.sessions") == [kept])
            #expect(try await api.database.value("SELECT count(*) FROM public.tasks") == 0)
        }
    }

    @Test(
        "DELETE may take longer than other statements, and nothing is gone when it takes too long", arguments: [2.5, 9])
    func slowDelete(seconds: Double) async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            _ = try await api.makeTask(in: session)
            try await api.database.script(
                """
                CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM pg_sleep(\(seconds));
                    RETURN OLD;
                END $$;
                CREATE TRIGGER wait BEFORE DELETE ON public.tasks FOR EACH ROW EXECUTE FUNCTION public.wait();
                """
            )
            let before = try await api.footprint()
            let answer = try await api.client.send("DELETE", "/api/v1/session/\(session)")
            if seconds < 8 {
                try expect(answer, 200, "")
            } else {
                try expect(answer, 503, "the database is unavailable or busy, nothing was changed: retry")
                #expect(try await api.footprint() == before)
            }
        }
    }

    @Test("DELETE while statuses change, tasks are added and configs patched: each is done or finds no session")
    func deleteMeanwhile() async throws {
        try await withAPI { api in
            for round in 0..<10 {
                let session = try await api.makeSession()
                try await api.learn(space: try await api.makeSpace(), session: session)
                let path = "/api/v1/session/\(session.lowercased)"
                var requests = [
                    ("POST", "\(path)/task", #"{"task_description":"x","status":"success"}"#),
                    ("PATCH", "\(path)/configs", #"{"configs":{"a":1}}"#), ("PUT", "\(path)/configs", "{}"),
                ]
                for order in 1...6 {
                    let task = try await api.makeTask(in: session, order: Int64(order))
                    requests.append(("PATCH", "\(path)/task/\(task.lowercased)/status", #"{"status":"success"}"#))
                }
                requests.shuffle()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (number, (method, path, body)) in requests.enumerated() {
                        if number == round % 9 {
                            group.addTask {
                                try expect(try await api.client.send("DELETE", "/api/v1/session/\(session)"), 200, "")
                            }
                        }
                        group.addTask {
                            let answer = try await api.client.send(method, path, body: body)
                            #expect([200, 201, 404].contains(answer.status), "\(method) \(path): \(answer.text)")
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await api.database.value("SELECT count(*) FROM public.sessions") == 0)
        }
    }

    @Test("a change of any kind is made once under its key")
    func idempotency() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            for (number, (method, path, body)) in [
                ("PUT", Self.path(session), #"{"configs":{"a":1}}"#),
                ("PATCH", Self.path(session), #"{"configs":{"b":1}}"#),
                ("DELETE", "/api/v1/session/\(session)", nil),
            ].enumerated() {
                let headers = ["idempotency-key": "k\(number)"]
                let first = try await api.client.send(method, path, headers: headers, body: body)
                #expect(first.status == 200, "\(first.text)")
                let before = try await api.footprint()
                let again = try await api.client.send(method, path, headers: headers, body: body)
                #expect(again.body == first.body && again.headers["idempotency-replayed"] == "true")
                #expect(try await api.footprint() == before)
            }
        }
    }
}
