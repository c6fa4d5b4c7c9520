import Foundation
import JSON
import Logging
import Postgres
import S3
import Support
import Testing

@testable import Tasks

@Suite("Parts in an object store, on a real one", .timeLimit(.minutes(1)))
struct PartStorageTests {
    @Test("the parts are an object that CORE finds by the message's row, and are counted once")
    func store() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            let message = try await objects.messages.store(fixture.message("hello", in: session)).perform()
            let text = #"[{"type":"text","text":"hello"}]"#
            #expect(message.parts == text)
            let hash = sha256(text.utf8)
            let key = try #require(try objects.store.keys.first)
            #expect(try objects.store.keys.count == 1)
            let form = #/parts/([0-9a-f-]{36})/\d{4}/\d{2}/\d{2}/([0-9a-f]{64})\.json/#
            let match = try #require(key.wholeMatch(of: form))
            #expect(match.1 == fixture.project.lowercased && match.2 == hash)
            #expect(try objects.store.bytes(key) == Array(text.utf8))
            let details = try objects.store.details(key)
            #expect(details.contentType == "application/json")
            #expect(details.metadata == ["x-amz-meta-sha256": hash])
            let asset: String = try await fixture.database.value(
                "SELECT (parts_asset_meta - 'skillrelay_files')::text FROM public.messages")
            let json = try JSONValue(Array(asset.utf8))
            for (name, value) in [
                ("bucket", "acontext-assets"), ("s3_key", key), ("sha256", hash), ("mime", "application/json"),
            ] {
                #expect(json[name] == .string(value))
            }
            #expect(json["size_b"] == .number(String(text.utf8.count)))
            #expect(json["etag"]?.string?.count == 32, "without quotes")
            let row: String = try await fixture.database.value(
                """
                SELECT concat_ws(' ', sha256, s3_key, ref_count, asset_meta = (SELECT parts_asset_meta - 'skillrelay_files' FROM messages),
                    now() at time zone 'UTC' - last_referenced_at < interval '1 minute') FROM public.asset_references
                """)
            #expect(row == "\(hash) \(key) 1 t t")
            #expect(
                try await fixture.database.value("SELECT count(*) FROM skillrelay.message_parts", as: Int.self) == 0)
            let listed = try await objects.messages.list(
                session: session, project: fixture.project, page: MessagePageRequest()
            ).items
            #expect(listed.map(\.parts) == [text])
        }
    }

    @Test("two identical messages share one object; it goes with the last of them")
    func shared() async throws {
        try await withObjects { fixture, objects in
            let (first, second) = (try await fixture.session(), try await fixture.session())
            for session in [first, second] {
                _ = try await objects.messages.store(fixture.message("same", in: session)).perform()
            }
            #expect(try objects.store.keys.count == 1)
            #expect(try await objects.counts() == [2])
            try await objects.delete([first])
            #expect(try await objects.counts() == [1])
            try await objects.keeper.tidy()
            #expect(try objects.store.keys.count == 1)
            #expect(
                try await objects.messages.list(session: second, project: fixture.project, page: MessagePageRequest())
                    .items.count == 1)
            try await objects.delete([second])
            #expect(try await objects.counts() == [])
            try await objects.keeper.tidy()
            #expect(try objects.store.keys == [])
        }
    }

    @Test("another project's message of the same content is an object of its own")
    func projects() async throws {
        try await withObjects { fixture, objects in
            let stranger = try await fixture.anotherProject()
            let mine = try await fixture.session()
            _ = try await objects.messages.store(fixture.message("same", in: mine)).perform()
            var theirs = fixture.message("same", in: try await fixture.session(project: stranger))
            theirs.projectID = stranger
            _ = try await objects.messages.store(theirs).perform()
            #expect(try objects.store.keys.count == 2)
            try await objects.delete([mine])
            try await objects.keeper.tidy()
            #expect(try objects.store.keys.map { $0.contains(stranger.lowercased) } == [true])
        }
    }

    @Test("files are objects of their own, named in their parts, handed out by URL, and counted for each part")
    func files() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            var new = fixture.message("see", in: session)
            new.parts += [MessagePart(type: "image"), MessagePart(type: "file"), MessagePart(type: "file")]
            let picture = UploadedFile(part: 1, filename: "A picture.PNG", contentType: "image/png", bytes: [1, 2, 3])
            new.files = [
                picture, UploadedFile(part: 2, filename: "odd.na me", contentType: "x/y", bytes: [4]),
                UploadedFile(part: 3, filename: "again.png", contentType: "image/png", bytes: [1, 2, 3]),
            ]
            let message = try await objects.messages.store(new).perform()
            let keys = try objects.store.keys
            #expect(keys.map { $0.prefix { $0 != "/" } } == ["assets", "assets", "parts"])
            let hash = sha256([1, 2, 3])
            let key = try #require(keys.first { $0.hasSuffix("/\(hash).png") })
            #expect(keys.contains { $0.hasSuffix("/\(sha256([4]))") })
            #expect(try objects.store.bytes(key) == [1, 2, 3])
            #expect(try objects.store.details(key).contentType == "image/png")
            let parts = try #require(try JSONValue(Array(message.parts.utf8)).array)
            #expect(parts[0]["asset"] == nil)
            #expect(parts[1]["asset"]?["s3_key"] == .string(key))
            #expect(parts[1]["filename"] == "A picture.PNG" && parts[3]["filename"] == "again.png")
            let counts: [Int] = try await fixture.database.values(
                "SELECT ref_count FROM public.asset_references ORDER BY ref_count")
            #expect(counts == [1, 1, 2])
            let urls = objects.messages.publicURLs(of: [message])
            #expect(Set(urls.keys) == [hash, sha256([4])])
            #expect(try #require(urls[hash]).url.hasPrefix(objects.store.url + "/acontext-assets/" + key + "?"))
            try await objects.delete([session])
            #expect(try await objects.counts() == [])
            try await objects.keeper.tidy()
            #expect(try objects.store.keys == [])
        }
    }

    @Test("what is wrong with the store is said before anything is changed: away, or not for us")
    func away() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            objects.proxy.refuse()
            let refused = objects.messages(secret: nil)
            await #expect(throws: TasksError.objectStoreUnavailable) {
                _ = try await refused.store(fixture.message("hello", in: session))
            }
            objects.proxy.open()
            let wrong = objects.messages(secret: "wrong")
            let error = await #expect(throws: S3Error.self) {
                _ = try await wrong.store(fixture.message("hello", in: session))
            }
            #expect(error?.code == .accessDenied)
            #expect(try await fixture.database.value("SELECT count(*) FROM public.messages", as: Int.self) == 0)
            #expect(try await objects.counts().filter { $0 > 0 } == [])
            #expect(try objects.store.keys == [])
            _ = try await objects.messages.store(fixture.message("hello", in: session)).perform()
            #expect(try await objects.counts() == [1])
        }
    }

    @Test("when the message cannot be written its object is not counted, and serves the next one")
    func atomic() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            try await fixture.database.script(
                "ALTER TABLE skillrelay.outbox_pending ADD CONSTRAINT none CHECK (false) NOT VALID")
            let write = try await objects.messages.store(fixture.message("hello", in: session))
            await #expect(throws: PostgresError.self) { try await write.perform() }
            #expect(try await fixture.database.value("SELECT count(*) FROM public.messages", as: Int.self) == 0)
            #expect(try await objects.counts() == [0])
            try await fixture.database.script("ALTER TABLE skillrelay.outbox_pending DROP CONSTRAINT none")
            _ = try await objects.messages.store(fixture.message("hello", in: session)).perform()
            #expect(try await objects.counts() == [1])
            #expect(try objects.store.keys.count == 1)
        }
    }

    @Test("a row of Acontext's own is used with the key that it has, and counted on")
    func acontextsRow() async throws {
        try await withObjects { fixture, objects in
            let text = #"[{"type":"text","text":"hello"}]"#
            let (hash, key) = (sha256(text.utf8), "parts/\(fixture.project.lowercased)/2026/01/02/old.json")
            try objects.store.place(text, at: key)
            try await fixture.database.script(
                """
                INSERT INTO public.asset_references (project_id, sha256, s3_key, ref_count, asset_meta)
                VALUES ('\(fixture.project)', '\(hash)', '\(key)', 3, '{"bucket": "acontext-assets", "s3_key": "\(key)",
                    "etag": "e", "sha256": "\(hash)", "mime": "application/json", "size_b": 32}')
                """)
            let session = try await fixture.session()
            _ = try await objects.messages.store(fixture.message("hello", in: session)).perform()
            #expect(try objects.store.keys == [key])
            #expect(try await objects.counts() == [4])
            let named: String = try await fixture.database.value(
                "SELECT parts_asset_meta ->> 's3_key' FROM public.messages")
            #expect(named == key)
        }
    }

    @Test("messages that Acontext stored are read; one whose parts are missing or broken is left out, in every list")
    func acontextsMessages() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            try objects.store.place(#"[{"type":"text","text":"1.0","meta":{"n":1.0}}]"#, at: "parts/good.json")
            try objects.store.place(#"{"type":"text"}"#, at: "parts/broken.json")
            for key in ["parts/good.json", "parts/broken.json", "parts/missing.json", ""] {
                try await fixture.database.script(
                    """
                    INSERT INTO public.messages (session_id, role, parts_asset_meta, created_at)
                    VALUES ('\(session)', 'function', '{"s3_key": "\(key)"}', clock_timestamp())
                    """)
            }
            let ours = try await fixture.messages().store(fixture.message("in the database", in: session)).perform()
            let listed = try await objects.messages.list(
                session: session, project: fixture.project, page: MessagePageRequest()
            ).items
            #expect(listed.map(\.parts) == [#"[{"type":"text","text":"1.0","meta":{"n":1.0}}]"#, ours.parts])
            #expect(try await objects.messages.pending(session: session, limit: 9).map(\.id) == listed.map(\.id))
            objects.proxy.refuse()
            objects.proxy.reset()
            await #expect(throws: TasksError.objectStoreUnavailable) {
                try await objects.messages.list(session: session, project: fixture.project, page: MessagePageRequest())
            }
        }
    }

    @Test("of messages that Acontext stored the files are given back, too, once their parts were read")
    func releaseAcontexts() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            let (file, parts) = (sha256([9]), sha256([8]))
            try objects.store.place("x", at: "assets/file.txt")
            try objects.store.place(
                """
                [{"type":"file","asset":{"bucket":"b","s3_key":"assets/file.txt","etag":"e","sha256":"\(file)","mime":"t/p","size_b":1}}]
                """, at: "parts/p.json")
            try await fixture.database.script(
                """
                INSERT INTO public.asset_references (project_id, sha256, s3_key, ref_count, asset_meta) VALUES
                    ('\(fixture.project)', '\(file)', 'assets/file.txt', 2, '{}'),
                    ('\(fixture.project)', '\(parts)', 'parts/p.json', 1, '{}');
                INSERT INTO public.messages (session_id, role, parts_asset_meta)
                VALUES ('\(session)', 'user', '{"s3_key": "parts/p.json", "sha256": "\(parts)"}')
                """)
            try await objects.delete([session])
            // Until they are read nothing may go.
            #expect(try await objects.counts() == [1, 2])
            try await objects.keeper.tidy()
            #expect(try await objects.counts() == [1])
            #expect(try objects.store.keys == ["assets/file.txt"])
            try await objects.keeper.tidy()
            #expect(try await objects.counts() == [1])
        }
    }

    @Test("sessions are deleted while the store is away; what they leave is removed when it is back")
    func removedLater() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            _ = try await objects.messages.store(fixture.message("hello", in: session)).perform()
            objects.proxy.refuse()
            objects.proxy.reset()
            try await objects.delete([session])
            await #expect(throws: S3Error.self) { try await objects.keeper.tidy() }
            #expect(try objects.store.keys.count == 1)
            objects.proxy.open()
            try await eventually("what was put off is removed", within: .seconds(20)) {
                try await objects.keeper.tidy()
                return try objects.store.keys == []
            }
        }
    }

    @Test("messages whose parts cannot be read hold up no removal")
    func refusedReleases() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            _ = try await objects.messages.store(fixture.message("hello", in: session)).perform()
            try await objects.delete([session])
            try await fixture.database.script(
                """
                INSERT INTO skillrelay.part_releases (message_id, project_id, sha256, s3_key)
                SELECT gen_random_uuid(), gen_random_uuid(), '', 'not//a-key' FROM generate_series(1, 5)
                """)
            await #expect(throws: S3Error.self) { try await objects.keeper.tidy() }
            #expect(try objects.store.keys == [])
        }
    }

    @Test("a store that lets nothing go is not asked for everything each time")
    func refusedAll() async throws {
        try await withObjects { fixture, objects in
            try await fixture.database.script(
                """
                INSERT INTO skillrelay.object_removals (s3_key, project_id, sha256)
                SELECT 'not//a-key' || n, gen_random_uuid(), '' FROM generate_series(1, 10) AS n
                """)
            await #expect(throws: S3Error.self) { try await objects.keeper.tidy() }
            let later: Int = try await fixture.database.value(
                "SELECT count(*) FROM skillrelay.object_removals WHERE due_at > now()")
            #expect(later == 3)
        }
    }

    @Test("an object that the store does not let go holds up no other, and is tried again later")
    func refusedRemoval() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            _ = try await objects.messages.store(fixture.message("hello", in: session)).perform()
            try await objects.delete([session])
            try await fixture.database.script(
                """
                INSERT INTO skillrelay.object_removals (s3_key, project_id, sha256, due_at)
                SELECT 'not//a-key', project_id, '', due_at - interval '1 second' FROM skillrelay.object_removals
                """)
            try await objects.keeper.tidy()
            #expect(try objects.store.keys == [])
            let waiting: [String] = try await fixture.database.values(
                """
                SELECT s3_key FROM skillrelay.object_removals
                WHERE removed_at IS NULL AND due_at BETWEEN now() + interval '30 seconds' AND now() + interval '1 minute'
                """)
            #expect(waiting == ["not//a-key"])
        }
    }

    @Test("what was uploaded for a message that was never written is removed after an hour, and not before")
    func forgotten() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            // Its process ends here.
            let write = try await objects.messages.store(fixture.message("hello", in: session))
            for (age, left) in [("59 minutes", 1), ("61 minutes", 0)] {
                try await fixture.database.script(
                    "UPDATE public.asset_references SET updated_at = now() - interval '\(age)'")
                try await objects.keeper.sweep()
                try await objects.keeper.tidy()
                #expect(try objects.store.keys.count == left)
                #expect(try await objects.counts().count == left)
            }
            // It was only slow: the object is uploaded once more.
            _ = try await write.perform()
            try await objects.expectWhole()
        }
    }

    @Test("what somebody is about to use again is not swept")
    func reservedAgain() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            _ = try await objects.messages.store(fixture.message("hello", in: session))
            try await fixture.database.script(
                "UPDATE public.asset_references SET updated_at = now() - interval '61 minutes'")
            let write = try await objects.messages.store(fixture.message("hello", in: session))
            try await objects.keeper.sweep()
            #expect(try await objects.counts() == [0])
            _ = try await write.perform()
            try await objects.expectWhole()
        }
    }

    @Test("an object that Acontext has come to use again is not removed")
    func usedAgain() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            _ = try await objects.messages.store(fixture.message("hello", in: session)).perform()
            try await objects.delete([session])
            try await fixture.database.script(
                """
                INSERT INTO public.asset_references (project_id, sha256, s3_key, ref_count, asset_meta)
                SELECT project_id, sha256, s3_key, 1, '{}' FROM skillrelay.object_removals
                """)
            try await objects.keeper.tidy()
            #expect(try objects.store.keys.count == 1)
            #expect(
                try await fixture.database.value("SELECT count(*) FROM skillrelay.object_removals", as: Int.self) == 0)
        }
    }

    @Test("a user's deletion gives back what all of the user's sessions use, and nothing else")
    func user() async throws {
        try await withObjects { fixture, objects in
            let others = try await fixture.session()
            for session in [
                try await fixture.session(user: "ann"), try await fixture.session(user: "ann"), others,
            ] {
                for text in ["same", session.uuidString] {
                    _ = try await objects.messages.store(fixture.message(text, in: session)).perform()
                }
            }
            #expect(try await objects.counts() == [1, 1, 1, 3])
            try await fixture.users.delete("ann", project: fixture.project).perform()
            #expect(try await objects.counts() == [1, 1])
            try await objects.keeper.tidy()
            #expect(try objects.store.keys.count == 2)
            try await objects.expectWhole(others)
        }
    }
}
