import Foundation
import JSON
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("Messages (PostgreSQL)")
struct MessageRouteTests {
    private static func path(_ session: UUID) -> String { "/api/v1/session/\(session)/messages" }

    @Test("are answered as they are stored, with the meta of the user only")
    func store() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let first = try await api.client.storeMessage(
                #"{"role":"user","content":"héllo","name":"anna"}"#, meta: #"{"b":1.0,"a":[12345678901234567890]}"#,
                in: session
            ).json(status: 201)
            #expect(first["session_id"]?.string == session.lowercased)
            #expect(first["role"] == "user" && first["session_task_process_status"] == "pending")
            #expect(first["parts"] == [["type": "text", "text": "héllo"]])
            #expect(first["meta"]?["a"] == [.number("12345678901234567890")])
            // Null, and not left out: the strict client wants them.
            #expect(first.object?.filter { $0.value == .null }.map(\.key).sorted() == ["parent_id", "task_id"])
            let second = try await api.client.storeMessage(
                #"{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{}}]}"#,
                format: "anthropic", meta: "{}", in: session
            ).json(status: 201)
            #expect(
                second["parent_id"] == first["id"] && second["meta"] == .object([]) && second["role"] == "assistant")
            let meta = try await api.database.values(
                "SELECT meta::text FROM public.messages ORDER BY created_at", as: String.self
            )
            #expect(try JSONValue(stored: meta[0])["__user_meta__"] == first["meta"])
            #expect(try JSONValue(stored: meta[0])["name"] == "anna")
            #expect(try JSONValue(stored: meta[1]).text == #"{"source_format":"anthropic"}"#)
        }
    }

    @Test("come back in every format, oldest first, side by side with their ids and metas")
    func formats() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let path = Self.path(session)
            let empty = try await api.client.send("GET", path)
            #expect(
                empty.text.contains(
                    #""data":{"items":[],"ids":[],"metas":[],"has_more":false,"this_time_tokens":0,"tokens_are_estimated":true}"#
                ), "\(empty.text)"
            )
            let call = #"{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}"#
            let blobs = [
                #"{"role":"system","content":"be brief"}"#, #"{"role":"user","content":"hi"}"#,
                #"{"role":"assistant","content":"yes","tool_calls":[\#(call)]}"#,
                #"{"role":"tool","tool_call_id":"c1","content":"42"}"#,
            ]
            var ids: [String] = []
            for (number, blob) in blobs.enumerated() {
                let stored = try await api.client.storeMessage(blob, meta: #"{"n":\#(number)}"#, in: session)
                    .json(status: 201)
                ids.append(try #require(stored["id"]?.string))
            }
            for query in ["", "?format=openai", "?format=&limit=0&cursor=nonsense", "?time_desc=true"] {
                let page = try await api.client.send("GET", path + query).json()
                #expect(page["items"] == .array(try blobs.map { try JSONValue(Array($0.utf8)) }), "\(query)")
                #expect(
                    page["ids"]?.texts == ids && page["has_more"] == false && page["next_cursor"] == nil, "\(query)")
                #expect(page["metas"] == .array((0..<4).map { ["n": .number("\($0)")] }), "\(query)")
                #expect(page["edit_at_message_id"]?.string == ids[3] && page["public_urls"] == nil, "\(query)")
            }
            let anthropic = try await api.client.send("GET", path + "?format=anthropic").json()
            #expect(
                anthropic["items"]?.array?[2]
                    == [
                        "role": "assistant",
                        "content": [
                            ["type": "text", "text": "yes"],
                            ["type": "tool_use", "id": "c1", "name": "f", "input": ["a": .number("1")]],
                        ],
                    ]
            )
            let gemini = try await api.client.send("GET", path + "?format=gemini").json()
            #expect(gemini["items"]?.array?[3]["parts"]?.array?[0]["functionResponse"]?["name"] == "f")
            let own = try await api.client.send("GET", path + "?format=acontext&with_asset_public_url=false").json()
            #expect(own["items"]?.array?.map { $0["id"]?.string ?? "" } == ids)
            #expect(own["items"]?.array?[0]["meta"]?["original_role"] == "system")
            #expect(own["items"]?.array?[0]["meta"]?["__user_meta__"] == ["n": .number("0")])
            let tokens = try await api.client.send("GET", "/api/v1/session/\(session)/token_counts").json()
            #expect(tokens["total_tokens"] == own["this_time_tokens"] && tokens["tokens_are_estimated"] == true)
            guard case .number(let digits)? = tokens["total_tokens"], let count = Int(digits) else {
                Issue.record("\(tokens)")
                return
            }
            #expect((15...30).contains(count))
        }
    }

    @Test("come page by page from either end, each once", arguments: [false, true])
    func pages(newestFirst: Bool) async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            for number in 0..<5 {
                let answer = try await api.client.storeMessage(#"{"role":"user","content":"\#(number)"}"#, in: session)
                #expect(answer.status == 201)
            }
            var seen: [[String]] = []
            var cursor: String?
            repeat {
                let query = "?limit=2&time_desc=\(newestFirst)" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await api.client.send("GET", Self.path(session) + query).json()
                seen.append((page["items"]?.array ?? []).compactMap { $0["content"]?.string })
                cursor = page["next_cursor"]?.string
                #expect(page["has_more"] == .bool(cursor != nil))
            } while cursor != nil && seen.count < 5
            #expect(seen == (newestFirst ? [["3", "4"], ["1", "2"], ["0"]] : [["0", "1"], ["2", "3"], ["4"]]))
        }
    }

    @Test("are edited on the way out, as far as a pinned one, and stay as they are")
    func edits() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            var ids: [String] = []
            for number in 1...2 {
                let answer = try await api.client.storeMessage(
                    #"{"role":"tool","tool_call_id":"\#(number)","content":"result \#(number)"}"#, in: session
                ).json(status: 201)
                ids.append(try #require(answer["id"]?.string))
            }
            func contents(_ query: String) async throws -> (texts: [String], editedUpTo: String?) {
                let encoded = try #require(query.addingPercentEncoding(withAllowedCharacters: .urlQueryAllowed))
                let page = try await api.client.send("GET", Self.path(session) + "?" + encoded).json()
                return (
                    (page["items"]?.array ?? []).compactMap { $0["content"]?.string },
                    page["edit_at_message_id"]?.string
                )
            }
            let removal = #"edit_strategies=[{"type":"remove_tool_result","params":{"keep_recent_n_tool_results":0}}]"#
            #expect(try await contents(removal) == (["Done", "Done"], ids[1]))
            #expect(
                try await contents(removal + "&pin_editing_strategies_at_message=\(ids[0])")
                    == (["Done", "result 2"], ids[0])
            )
            #expect(try await contents(removal + "&pin_editing_strategies_at_message=unknown").editedUpTo == ids[1])
            let limit = #"edit_strategies=[{"type":"token_limit","params":{"limit_tokens":1}}]"#
            #expect(try await contents(limit) == ([], ids[1]))
            #expect(try await contents("edit_strategies=null") == (["result 1", "result 2"], ids[1]))
        }
    }

    @Test("have a meta that is merged, key by key, apart from the keys of our own")
    func meta() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let stored = try await api.client.storeMessage(
                #"{"role":"user","content":"x","name":"n"}"#, meta: #"{"a":1,"b":{"c":2}}"#, in: session
            ).json(status: 201)
            let path = Self.path(session) + "/\(stored["id"]?.string ?? "")/meta"
            let patched = try await api.client.send(
                "PATCH", path, body: #"{"meta":{"a":null,"b":{"d":null},"e":1.50}}"#)
            #expect(try patched.json()["meta"]?.text.replacing(" ", with: "") == #"{"b":{"d":null},"e":1.50}"#)
            let empty = try await api.client.send("PATCH", path, body: #"{"meta":{}}"#)
            #expect(try empty.json() == patched.json())
            let page = try await api.client.send("GET", Self.path(session) + "?format=acontext").json()
            #expect(page["metas"]?.array?.first == (try patched.json()["meta"]))
            #expect(page["items"]?.array?[0]["meta"]?["name"] == "n")

            // Once under one key.
            let headers = ["idempotency-key": "k"]
            let once = try await api.client.send("PATCH", path, headers: headers, body: #"{"meta":{"f":1}}"#)
            _ = try await api.client.send("PATCH", path, body: #"{"meta":{"f":2}}"#).json()
            let again = try await api.client.send("PATCH", path, headers: headers, body: #"{"meta":{"f":1}}"#)
            #expect(again.body == once.body && again.headers["idempotency-replayed"] == "true")
        }
    }

    @Test("are counted by what the task agent has made of them")
    func observing() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            for _ in 0..<10 {
                _ = try await api.client.storeMessage(#"{"role":"user","content":"x"}"#, in: session).json(status: 201)
            }
            try await api.database.script(
                """
                UPDATE public.messages AS m SET session_task_process_status = n.status
                FROM (SELECT id, (ARRAY['success', 'success', 'success', 'running', 'running', 'failed'])[row_number() OVER ()]
                    AS status FROM public.messages) AS n WHERE n.id = m.id AND n.status IS NOT NULL
                """
            )
            let status = try await api.client.send("GET", "/api/v1/session/\(session)/observing_status").json()
            #expect(status["observed"] == .number("3") && status["in_process"] == .number("2"))
            #expect(status["pending"] == .number("4"))
            let time = try #require(status["updated_at"]?.string)
            #expect(time.wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z/#) != nil, "\(time)")
        }
    }

    @Test("are stored once under an Idempotency-Key, though their parts are kept before the message is")
    func idempotency() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            let blob = #"{"role":"user","content":"x"}"#
            let headers = ["idempotency-key": "k"]
            let answers = try await withThrowingTaskGroup(of: HTTPAnswer.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await api.client.storeMessage(blob, in: session, headers: headers) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 201 } && Set(answers.map(\.body)).count == 1)
            #expect(try await api.database.value("SELECT count(*) FROM public.messages") == 1)
            // Also when what it was stored in is gone.
            try await api.database.script("DELETE FROM public.sessions")
            let again = try await api.client.storeMessage(blob, in: session, headers: headers)
            #expect(again.body == answers[0].body && again.headers["idempotency-replayed"] == "true")
            let other = try await api.client.storeMessage(
                #"{"role":"user","content":"y"}"#, in: session, headers: headers)
            try expect(other, 422, "this Idempotency-Key was used for another request")
        }
    }

    @Test("tie Gemini's results to their calls, each call once")
    func gemini() async throws {
        try await withAPI { api in
            let session = try await api.makeSession()
            func store(_ role: String, _ parts: String, key: String? = nil) async throws -> HTTPAnswer {
                try await api.client.storeMessage(
                    #"{"role":"\#(role)","parts":[\#(parts)]}"#, format: "gemini", in: session,
                    headers: key.map { ["idempotency-key": $0] } ?? [:]
                )
            }
            let calls = try await store(
                "model",
                #"{"functionCall":{"name":"f","args":{"a":1}}},{"functionCall":{"name":"g"}},{"functionCall":{"name":"f"}}"#
            ).json(status: 201)
            let ids = (calls["parts"]?.array ?? []).compactMap { $0["meta"]?["id"]?.string }
            #expect(calls["meta"] == .object([]) && ids.count == 3)
            let open = "SELECT meta ->> '__gemini_call_info__' FROM public.messages WHERE parent_id IS NULL"
            #expect(try await api.database.value(open, as: String.self).contains(ids[2]))

            let result = #"{"functionResponse":{"name":"f","response":{"ok":true}}}"#
            let first = try await store("user", result + "," + result.replacing("\"f\"", with: "\"g\""), key: "k")
            let answered = (try first.json(status: 201)["parts"]?.array ?? []).compactMap {
                $0["meta"]?["tool_call_id"]?.string
            }
            #expect(answered == [ids[0], ids[1]])
            // A repeat finds its calls answered, and its answer given.
            let again = try await store("user", result + "," + result.replacing("\"f\"", with: "\"g\""), key: "k")
            #expect(again.body == first.body)
            #expect(
                try JSONValue(stored: try await api.database.value(open, as: String.self))
                    == [["id": .string(ids[2]), "name": "f"]]
            )
            let second = try await store("user", result).json(status: 201)
            #expect(second["parts"]?.array?.first?["meta"]?["tool_call_id"]?.string == ids[2])
            let left = "SELECT count(*) FROM public.messages WHERE meta ? '__gemini_call_info__'"
            #expect(try await api.database.value(left) == 0)
            try expect(try await store("user", result), 400, "failed to normalize gemini message")
            let known = try await store("user", #"{"functionResponse":{"id":"x","name":"f","response":{}}}"#)
            #expect(known.status == 201)
            #expect(try await api.database.value("SELECT count(*) FROM public.messages") == 4)

            let page = try await api.client.send("GET", Self.path(session) + "?format=openai").json()
            #expect(page["items"]?.array?[0]["tool_calls"]?.array?.count == 3)
            #expect(page["items"]?.array?[2]["tool_call_id"]?.string == ids[2])
        }
    }

    @Test(
        "of no session are not told apart from those of none, and of another project's only that it is",
        arguments: [
            ("GET", "messages", 403), ("POST", "messages", 403), ("GET", "observing_status", 403),
            ("GET", "token_counts", 403),
            ("PATCH", "messages/3fa85f64-5717-4562-b3fc-2c963f66afa6/meta", 404),
        ])
    func isolation(method: String, path: String, foreign: Int) async throws {
        try await withAPI { api in
            let other = try await api.makeProject(phc: "unused")
            let theirs = try await api.makeSession(project: other.id)
            let mine = try await api.makeSession()
            let stored = try await api.client(token: other.token).storeMessage(
                #"{"role":"user","content":"x"}"#, in: theirs
            )
            .json(status: 201)
            let message = try #require(stored["id"]?.string)
            let path = path.replacing("3fa85f64-5717-4562-b3fc-2c963f66afa6", with: message)
            let body =
                switch method {
                case "POST": #"{"blob":{"role":"user","content":"x"}}"#
                case "PATCH": #"{"meta":{"a":1}}"#
                default: String?.none
                }
            let before = try await api.footprint()
            try expect(
                try await api.client.send(method, "/api/v1/session/\(UUID())/\(path)", body: body), 404,
                "session not found"
            )
            let answer = try await api.client.send(method, "/api/v1/session/\(theirs)/\(path)", body: body)
            if foreign == 403 {
                try expect(answer, 403, "access denied: session does not belong to this project")
            } else {
                try expect(answer, 404, "session not found")
                // Theirs, under a session of mine; and none at all.
                for id in [message, UUID().uuidString] {
                    try expect(
                        try await api.client.send(
                            method, "/api/v1/session/\(mine)/messages/\(id)/meta", body: body
                        ), 404, "message not found"
                    )
                }
            }
            #expect(try await api.footprint() == before)
            #expect(
                try await api.database.value("SELECT meta::text FROM public.messages")
                    == #"{"source_format": "openai"}"#)
        }
    }
}
