import Foundation
import Postgres
import S3
import Support
import Testing

@testable import Tasks

@Suite("Storing and deleting the same content at once", .timeLimit(.minutes(2)))
struct PartRaceTests {
    @Test("an object that is given up after it was found in use is uploaded again, under a key that no removal can hit")
    func reusedWhileReleased() async throws {
        try await withObjects { fixture, objects in
            let (first, second) = (try await fixture.session(), try await fixture.session())
            _ = try await objects.messages.store(fixture.message("same", in: first)).perform()
            let old = try objects.store.keys
            // It relies on the object that is there.
            let write = try await objects.messages.store(fixture.message("same", in: second))
            try await objects.delete([first])
            let message = try await write.perform()
            try await objects.expectWhole()
            let key: String = try await fixture.database.value(
                "SELECT parts_asset_meta ->> 's3_key' FROM public.messages")
            #expect(!old.contains(key) && key.contains(sha256(message.parts.utf8)) && key.hasSuffix(".json"))
            try await objects.keeper.tidy()
            #expect(try objects.store.keys == [key])
            #expect(try await objects.counts() == [1])
        }
    }

    @Test("an upload under a key whose row went and came again meanwhile is not trusted")
    func rowCameAgain() async throws {
        try await withObjects { fixture, objects in
            let session = try await fixture.session()
            // It has uploaded the object, and not yet written its message.
            let write = try await objects.messages.store(fixture.message("same", in: session))
            let other = try await fixture.session()
            _ = try await objects.messages.store(fixture.message("same", in: other)).perform()
            try await objects.delete([other])
            try await objects.keeper.tidy()
            #expect(try objects.store.keys == [])
            // The key may be used again, and somebody has reserved it, but not uploaded.
            try await fixture.database.script(
                """
                INSERT INTO public.asset_references (project_id, sha256, s3_key, ref_count, asset_meta)
                SELECT project_id, sha256, s3_key, 0, '{}' FROM skillrelay.object_removals;
                DELETE FROM skillrelay.object_removals
                """)
            _ = try await write.perform()
            try await objects.expectWhole()
            #expect(try await objects.counts() == [1])
        }
    }

    @Test("a key that is being removed is not given out, until that is long over")
    func quarantine() async throws {
        try await withObjects { fixture, objects in
            var keys: [[String]] = []
            for age in ["0 minutes", "9 minutes", "11 minutes"] {
                let session = try await fixture.session()
                _ = try await objects.messages.store(fixture.message("same", in: session)).perform()
                keys.append(try objects.store.keys)
                try await objects.delete([session])
                try await objects.keeper.tidy()
                #expect(try objects.store.keys == [])
                try await fixture.database.script(
                    "UPDATE skillrelay.object_removals SET removed_at = now() - interval '\(age)'")
                try await objects.keeper.tidy()
            }
            let session = try await fixture.session()
            _ = try await objects.messages.store(fixture.message("same", in: session)).perform()
            keys.append(try objects.store.keys)
            #expect(keys.map(\.count) == [1, 1, 1, 1])
            #expect(Set(keys[0...2].flatMap { $0 }).count == 3)
            #expect(keys[3] == keys[0])
        }
    }

    @Test("whoever stores, deletes and tidies when, each message has its object, and in the end no object is left over")
    func stress() async throws {
        try await withObjects(poolSize: 12) { fixture, objects in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<6 {
                    group.addTask {
                        for round in 0..<12 {
                            let session = try await fixture.session()
                            var new = fixture.message("content \((worker + round) % 2)", in: session)
                            new.parts.append(MessagePart(type: "file"))
                            new.files = [
                                UploadedFile(part: 1, filename: "f.bin", contentType: "x/y", bytes: [UInt8(round % 2)])
                            ]
                            // Stores of their own, as in instances of their own.
                            _ = try await objects.messages(secret: nil).store(new).perform()
                            try await objects.expectWhole(session)
                            try await objects.delete([session])
                        }
                    }
                }
                for _ in 0..<2 {
                    group.addTask { for _ in 0..<25 { try await objects.keeper.tidy() } }
                }
                try await group.waitForAll()
            }
            try await objects.keeper.tidy()
            #expect(try await objects.counts() == [])
            #expect(try objects.store.keys == [])
        }
    }

    @Test("a reply that is lost is found: one message, counted once")
    func lostReply() async throws {
        try await withObjects(poolSize: 1) { fixture, objects in
            let session = try await fixture.session()
            let write = try await objects.messages.store(fixture.message("x", in: session))
            objects.databaseProxy.arm(.toServer, on: "COMMIT", .loseReply)
            _ = try await write.perform()
            #expect(objects.databaseProxy.hasFired)
            #expect(try await fixture.database.value("SELECT count(*) FROM public.messages", as: Int.self) == 1)
            #expect(try await objects.counts() == [1])
        }
    }

    @Test("an object is looked up by the table's index, whichever of its two types the hash has", arguments: [64, nil])
    func plan(length: Int?) async throws {
        try await withFixture { fixture in
            let type = length.map { "char(\($0))" } ?? "varchar(64)"
            try await fixture.database.script(
                """
                ALTER TABLE public.asset_references ALTER sha256 TYPE \(type);
                INSERT INTO public.asset_references (project_id, sha256, s3_key, asset_meta)
                SELECT '\(fixture.project)', encode(sha256(n::text::bytea), 'hex'), n, '{}' FROM generate_series(1, 20000) AS n;
                ANALYZE public.asset_references
                """)
            let plan: [String] = try await fixture.database.values(
                "EXPLAIN " + AssetReferences.lockUsed.sql,
                [.uuid(fixture.project), .text("{\(sha256("1".utf8)),\(sha256("2".utf8))}")]
            )
            #expect(plan.contains { $0.contains("Index Scan") || $0.contains("Bitmap Index Scan") })
            #expect(
                plan.contains { $0.contains("Index Cond") && $0.contains("sha256") }, "\(plan.joined(separator: "\n"))")
        }
    }
}
