import Foundation
import JSON
import Postgres
import Support
import Testing

@testable import Tasks

@Suite("Messages, on a real database", .timeLimit(.minutes(1)))
struct MessageStoreTests {
    @Test("a message and the event that tells CORE of it are written together, the event with the exact body")
    func store() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let message = try await fixture.messages().store(
                fixture.message("hello", in: session), headers: ["traceparent": "00-a-b-01"]
            ).perform()
            #expect(message.sessionID == session && message.parentID == nil && message.taskID == nil)
            #expect(message.role == "user" && message.processStatus == "pending")
            #expect(message.parts == #"[{"type":"text","text":"hello"}]"#)
            let body = """
                {"project_id":"\(fixture.project.lowercased)","session_id":"\(session.lowercased)","message_id":"\(message.id.lowercased)"}
                """
            #expect(try await fixture.events() == [body])
            let event: String = try await fixture.database.value(
                "SELECT concat_ws(' ', exchange, routing_key, type, headers, subject) FROM skillrelay.outbox"
            )
            #expect(
                event == """
                    session.message session.message.insert InsertNewMessage {"traceparent": "00-a-b-01"} \(message.id.lowercased)
                    """)
        }
    }

    @Test("all or nothing: when the event cannot be written there is no message, and no parts")
    func atomic() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.database.script(
                "ALTER TABLE skillrelay.outbox_pending ADD CONSTRAINT none CHECK (false) NOT VALID")
            let write = try await fixture.messages().store(fixture.message("hello", in: session))
            await #expect(throws: PostgresError.self) { try await write.perform() }
            for table in ["public.messages", "skillrelay.message_parts", "skillrelay.outbox"] {
                #expect(try await fixture.database.value("SELECT count(*) FROM \(table)", as: Int.self) == 0)
            }
        }
    }

    @Test(
        "a message sets off what the installation wants, and nothing in a session without task tracking",
        arguments: [true, false], [true, false])
    func triggers(tracks: Bool, writesEvent: Bool) async throws {
        try await withFixture { fixture in
            var new = NewSession(projectID: fixture.project)
            new.disablesTaskTracking = !tracks
            let session = try await fixture.sessions.create(new).perform().session.id
            let (events, stored) = (Calls<Void>(), Calls<Void>())
            let messages = MessageStore(
                pool: fixture.pool,
                triggers: MessageTriggers(writesEvent: writesEvent, queuesExtraction: !writesEvent),
                onEvent: { events.add(()) }, onStored: { stored.add(()) }
            )
            for text in ["one", "two"] {
                let message = try await messages.store(fixture.message(text, in: session)).perform()
                #expect(message.processStatus == (tracks ? "pending" : "disable_tracking"))
            }
            #expect(try await fixture.events().count == (tracks && writesEvent ? 2 : 0))
            #expect(events.all.count == (tracks && writesEvent ? 2 : 0))
            let queued: [UUID] = try await fixture.database.values("SELECT session_id FROM skillrelay.extraction_queue")
            #expect(queued == (tracks && !writesEvent ? [session] : []))
            #expect(stored.all.count == (tracks && !writesEvent ? 2 : 0))
        }
    }

    @Test("messages stored at once follow each other: each names the newest before it, and is newer")
    func order() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            // Of a clock that is ahead.
            try await fixture.database.script(
                """
                INSERT INTO public.messages (session_id, role, parts_asset_meta, created_at)
                VALUES ('\(session)', 'user', '{}', now() + interval '1 hour')
                """
            )
            let messages = fixture.messages()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        _ = try await messages.store(fixture.message("\(number)", in: session)).perform()
                    }
                }
                try await group.waitForAll()
            }
            let inOrder: [Bool] = try await fixture.database.values(
                """
                SELECT parent_id IS NOT DISTINCT FROM lag(id) OVER w AND created_at > lag(created_at, 1, '-infinity') OVER w
                FROM public.messages WINDOW w AS (ORDER BY created_at)
                """
            )
            #expect(inOrder == [Bool](repeating: true, count: 21))
            let committed: [String] = try await fixture.database.values(
                "SELECT subject::text FROM skillrelay.outbox JOIN skillrelay.outbox_pending USING (id) ORDER BY seq")
            let stored: [String] = try await fixture.database.values(
                "SELECT id::text FROM public.messages ORDER BY created_at OFFSET 1")
            #expect(committed == stored)
        }
    }

    @Test(
        "what a part holds comes back as it was given: numbers digit by digit, members in their order, no asset of the sender's own"
    )
    func exactParts() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            var new = fixture.message("", in: session)
            let forged = StoredAsset(
                bucket: "b", key: "another/project", etag: "e", sha256: "s", contentType: "text/plain", size: 1)
            new.parts = [
                MessagePart(
                    type: "data", text: "", asset: forged, filename: "",
                    meta: ["z": .number("1.50"), "a": .number("12345678901234567890"), "n": .null]),
                MessagePart(type: "text", text: "☃ \u{1}\"\\", meta: [:]),
            ]
            new.meta = ["source_format": "acontext", "__user_meta__": ["k": .number("1e2")]]
            let text =
                #"[{"type":"data","meta":{"z":1.50,"a":12345678901234567890,"n":null}},{"type":"text","text":"☃ \u0001\"\\"}]"#
            let messages = fixture.messages()
            #expect(try await messages.store(new).perform().parts == text)
            let listed = try await messages.list(
                session: session, project: fixture.project, page: MessagePageRequest()
            ).items
            #expect(listed.map(\.parts) == [text])
            #expect(listed.map(\.meta) == [#"{"__user_meta__": {"k": 100}, "source_format": "acontext"}"#])
        }
    }

    @Test("sessions of others take no messages and show none, before anything is uploaded")
    func ownership() async throws {
        try await withFixture { fixture in
            let theirs = try await fixture.session(project: try await fixture.anotherProject())
            let messages = fixture.messages()
            for (session, error) in [(theirs, TasksError.sessionOfAnotherProject), (UUID(), .sessionNotFound)] {
                await #expect(throws: error) { _ = try await messages.store(fixture.message("x", in: session)) }
                await #expect(throws: error) {
                    try await messages.list(session: session, project: fixture.project, page: MessagePageRequest())
                }
                await #expect(throws: error) {
                    try await messages.observing(session: session, project: fixture.project)
                }
            }
        }
    }

    @Test("a session that is deleted between the check and the write takes no message")
    func deletedMeanwhile() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let write = try await fixture.messages().store(fixture.message("x", in: session))
            try await fixture.database.script("DELETE FROM public.sessions")
            await #expect(throws: TasksError.sessionNotFound) { try await write.perform() }
            #expect(try await fixture.events().isEmpty)
        }
    }

    @Test("without an object store a file is refused, and so are parts that Acontext keeps in one")
    func noObjectStore() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let messages = fixture.messages()
            var new = fixture.message("x", in: session)
            new.files = [UploadedFile(part: 0, filename: "a.txt", contentType: "text/plain", bytes: [1])]
            let refused = new
            await #expect(throws: TasksError.filesNeedObjectStore) { _ = try await messages.store(refused) }
            try await fixture.database.script(
                """
                INSERT INTO public.messages (session_id, role, parts_asset_meta)
                VALUES ('\(session)', 'tool', '{"bucket": "b", "s3_key": "parts/x.json", "sha256": "x"}')
                """
            )
            await #expect(throws: TasksError.partsInObjectStore) {
                try await messages.list(session: session, project: fixture.project, page: MessagePageRequest())
            }
        }
    }

    @Test("pages follow each other without gap or repeat from either end, each oldest first", arguments: [false, true])
    func paging(newestFirst: Bool) async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let messages = fixture.messages()
            for number in 0..<7 { _ = try await messages.store(fixture.message("\(number)", in: session)).perform() }
            try await fixture.database.script(
                """
                UPDATE public.messages SET created_at = '2026-02-23 07:42:45.123456+00'
                WHERE id IN (SELECT id FROM public.messages ORDER BY created_at LIMIT 3)
                """
            )
            let all: [UUID] = try await fixture.database.values(
                "SELECT id FROM public.messages ORDER BY created_at, id")
            var (seen, cursor): ([[UUID]], PageCursor?) = ([], nil)
            repeat {
                let page = try await messages.list(
                    session: session, project: fixture.project,
                    page: MessagePageRequest(limit: 3, cursor: cursor, newestFirst: newestFirst)
                )
                seen.append(page.items.map(\.id))
                cursor = page.next
            } while cursor != nil
            #expect(seen.map(\.count) == [3, 3, 1])
            #expect((newestFirst ? seen.reversed() : seen).flatMap { $0 } == all)
            // All, and no cursor counts.
            let whole = try await messages.list(
                session: session, project: fixture.project,
                page: MessagePageRequest(
                    cursor: PageCursor(createdAt: PostgresTimestamp(unixMicroseconds: .max / 2), id: UUID()),
                    newestFirst: newestFirst)
            )
            #expect(whole.items.map(\.id) == all && whole.next == nil)
        }
    }

    @Test("of Acontext's own rows any role, any status word and a meta that is no object are read")
    func foreignRows() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.database.script(
                """
                INSERT INTO public.messages (session_id, role, meta, parts_asset_meta, session_task_process_status)
                VALUES ('\(session)', 'tool', 'null', '{}', 'limit_exceed'),
                    ('\(session)', 'function', '[1]', '{}', 'disable_tracking');
                INSERT INTO skillrelay.message_parts SELECT id, '[]' FROM public.messages
                """
            )
            let messages = fixture.messages()
            let items = try await messages.list(session: session, project: fixture.project, page: MessagePageRequest())
                .items
            #expect(Set(items.map(\.role)) == ["tool", "function"])
            #expect(Set(items.map(\.processStatus)) == ["limit_exceed", "disable_tracking"])
            #expect(items.allSatisfy { $0.meta == "{}" })
            let message = try #require(items.first).id
            let meta = try await messages.patchMeta(
                message: message, session: session, project: fixture.project, patch: #"{"a": 1}"#
            ).perform()
            #expect(meta == #"{"a": 1}"#)
        }
    }

    @Test("what waits for a task agent comes oldest first, and is counted")
    func pending() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let messages = fixture.messages()
            var ids: [UUID] = []
            for number in 0..<5 {
                ids.append(try await messages.store(fixture.message("\(number)", in: session)).perform().id)
            }
            for (id, status) in zip(ids, ["success", "running", "failed"]) {
                try await fixture.database.script(
                    "UPDATE public.messages SET session_task_process_status = '\(status)' WHERE id = '\(id)'")
            }
            #expect(try await messages.pending(session: session, limit: 1).map(\.id) == [ids[3]])
            let pending = try await messages.pending(session: session, limit: 9)
            #expect(pending.map(\.id) == [ids[3], ids[4]])
            #expect(pending.map(\.parts) == ["3", "4"].map { #"[{"type":"text","text":"\#($0)"}]"# })
            let status = try await messages.observing(session: session, project: fixture.project)
            #expect(status.observed == 1 && status.inProcess == 1 && status.pending == 2)
        }
    }

    @Test("a patch of the client's meta replaces, adds and removes its members, and leaves our own alone")
    func patchMeta() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let messages = fixture.messages()
            var new = fixture.message("x", in: session)
            new.meta = ["source_format": "openai", "__user_meta__": ["a": "old", "b": ["x": true], "c": "gone"]]
            let id = try await messages.store(new).perform().id
            let patch = #"{"a": "new", "b": {"y": null}, "c": null, "d": 1, "e": null}"#
            let meta = try await messages.patchMeta(
                message: id, session: session, project: fixture.project, patch: patch
            ).perform()
            #expect(meta == #"{"a": "new", "b": {"y": null}, "d": 1}"#)
            let stored: String = try await fixture.database.value("SELECT meta - '__user_meta__' FROM public.messages")
            #expect(stored == #"{"source_format": "openai"}"#)
        }
    }

    @Test("patches at the same time are all there afterwards")
    func concurrentPatches() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let messages = fixture.messages()
            let id = try await messages.store(fixture.message("x", in: session)).perform().id
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        // Stores of their own: no turns are taken in memory.
                        _ = try await fixture.messages().patchMeta(
                            message: id, session: session, project: fixture.project, patch: #"{"k\#(number)": 1}"#
                        ).perform()
                    }
                }
                try await group.waitForAll()
            }
            let count: Int = try await fixture.database.value(
                "SELECT count(*) FROM public.messages, jsonb_object_keys(meta -> '__user_meta__')")
            #expect(count == 20)
        }
    }

    @Test("a message of another session is not found, nor is another project's session")
    func patchOwnership() async throws {
        try await withFixture { fixture in
            let (session, other) = (try await fixture.session(), try await fixture.session())
            let messages = fixture.messages()
            let id = try await messages.store(fixture.message("x", in: session)).perform().id
            let stranger = try await fixture.anotherProject()
            for (message, session, project, error) in [
                (UUID(), session, fixture.project, TasksError.messageNotFound),
                (id, other, fixture.project, .messageNotFound), (id, session, stranger, .sessionNotFound),
                (id, UUID(), fixture.project, .sessionNotFound),
            ] {
                await #expect(throws: error) {
                    try await messages.patchMeta(message: message, session: session, project: project, patch: "{}")
                        .perform()
                }
            }
        }
    }

    @Test("a database that only CORE has made says what it lacks, and is served once it has it")
    func withoutMeta() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            try await fixture.database.script("ALTER TABLE public.messages DROP COLUMN meta")
            let messages = fixture.messages()
            await #expect(throws: TasksError.messagesWithoutMeta) {
                _ = try await messages.store(fixture.message("x", in: session))
            }
            await #expect(throws: TasksError.messagesWithoutMeta) {
                try await messages.list(session: session, project: fixture.project, page: MessagePageRequest())
            }
            await #expect(throws: TasksError.messagesWithoutMeta) {
                try await messages.pending(session: session, limit: 1)
            }
            await #expect(throws: TasksError.messagesWithoutMeta) {
                try await messages.patchMeta(message: UUID(), session: session, project: fixture.project, patch: "{}")
                    .perform()
            }
            #expect(try await messages.observing(session: session, project: fixture.project).pending == 0)
            try await fixture.database.script("ALTER TABLE public.messages ADD meta jsonb NOT NULL DEFAULT '{}'")
            _ = try await messages.store(fixture.message("x", in: session)).perform()
        }
    }

    @Test("a reply that is lost is found by the message's id: one message, one event")
    func lostReply() async throws {
        try await withProxiedFixture(poolSize: 1) { fixture, proxy in
            let session = try await fixture.session()
            let write = try await fixture.messages().store(fixture.message("x", in: session))
            proxy.arm(.toServer, on: "COMMIT", .loseReply)
            let message = try await write.perform()
            #expect(proxy.hasFired)
            #expect(message.parts == #"[{"type":"text","text":"x"}]"#)
            #expect(try await fixture.database.values("SELECT id FROM public.messages") == [message.id])
            #expect(try await fixture.events().count == 1)
        }
    }

    @Test("a session that an extractor is taking off the queue is queued again by a message that it has not seen")
    func queuedAgain() async throws {
        try await withFixture { fixture in
            let session = try await fixture.session()
            let messages = MessageStore(
                pool: fixture.pool, triggers: MessageTriggers(writesEvent: false, queuesExtraction: true))
            _ = try await messages.store(fixture.message("seen", in: session)).perform()
            try await withTestConnection(to: fixture.database.url) { extractor in
                try await extractor.perform { session in
                    try session.begin()
                    try session.script("SELECT FROM skillrelay.extraction_queue FOR UPDATE")
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await messages.store(fixture.message("unseen", in: session)).perform() }
                    try await eventually("the message waits for the extractor") {
                        try await fixture.database.value(
                            "SELECT count(*) FROM pg_locks WHERE NOT granted", as: Int.self)
                            > 0
                    }
                    try await extractor.perform { session in
                        try session.script("DELETE FROM skillrelay.extraction_queue")
                        try session.commit()
                    }
                    try await group.waitForAll()
                }
            }
            #expect(
                try await fixture.database.values("SELECT session_id FROM skillrelay.extraction_queue") == [session])
        }
    }
}
