import Foundation
import JSON
import Support
import Testing

@testable import API

@Suite("Messages with files (PostgreSQL, an object store)", .timeLimit(.minutes(2)))
struct MessageFileTests {
    private static let header = "content-disposition: form-data; name="

    /// What a public URL leads to.
    private static func fetch(_ url: JSONValue?, _ store: TestObjectStore) async throws -> String {
        let url = try #require(url?.string)
        try #require(url.hasPrefix(store.url + "/"))
        // The host is signed, and its port with it.
        let client = HTTPProbe(port: store.port, headers: ["host": "127.0.0.1:\(store.port)"])
        let answer = try await client.send("GET", String(url.dropFirst(store.url.count)))
        #expect(answer.status == 200)
        return answer.text
    }

    @Test("keep each file once, hand out where it is, and give it back in every format that has files")
    func files() async throws {
        try await withObjectStore { store in
            try await withAPI(objects: store) { api in
                let session = try await api.makeSession()
                let path = "/api/v1/session/\(session)/messages"
                let parts = #"""
                    [{"type":"image","file_field":"i","meta":{"detail":"low"}},{"type":"text","text":"see"},
                     {"type":"file","file_field":"f"},{"type":"file","file_field":"f"}]
                    """#
                let payload = #"{"format":"acontext","blob":{"role":"user","parts":\#(parts)},"meta":{"a":1}}"#
                let image = "GIF\r\n--not the boundary\r\n"
                let stored = try await api.client.sendForm(
                    path,
                    [
                        (Self.header + #""f"; filename="C:\dir\nötes.txt""# + "\r\ncontent-type: text/plain", ""),
                        (Self.header + "payload", payload),
                        (Self.header + #""i"; filename="a.gif""# + "\r\ncontent-type: image/gif", image),
                    ]
                ).json(status: 201)
                let kept = try #require(stored["parts"]?.array)
                #expect(kept.map { $0["filename"]?.string } == ["a.gif", nil, "nötes.txt", "nötes.txt"])
                let asset = try #require(kept[0]["asset"])
                #expect(asset["mime"] == "image/gif" && asset["size_b"] == .number("\(image.utf8.count)"))
                #expect(asset.object?.map(\.key) == ["bucket", "s3_key", "etag", "sha256", "mime", "size_b"])
                #expect(kept[2]["asset"] == kept[3]["asset"] && kept[2]["asset"]?["size_b"] == .number("0"))
                #expect(kept[0]["meta"] == ["detail": "low"] && stored["meta"] == ["a": .number("1")])

                let own = try await api.client.send("GET", path + "?format=acontext").json()
                #expect(own["items"]?.array?.first?["parts"] == stored["parts"])
                let urls = try #require(own["public_urls"])
                #expect(urls.object?.count == 2)
                let sha256 = try #require(asset["sha256"]?.string)
                #expect(try await Self.fetch(urls[sha256]?["url"], store) == image)
                let expiry = try #require(urls[sha256]?["expire_at"]?.string)
                #expect(try Date(expiry, strategy: .iso8601) > .now)

                let openai = try await api.client.send("GET", path).json()["items"]?.array?.first
                let content = try #require(openai?["content"]?.array)
                #expect(content.map { $0["type"]?.string } == ["image_url", "text"])
                #expect(content[0]["image_url"]?["detail"] == "low")
                #expect(try await Self.fetch(content[0]["image_url"]?["url"], store) == image)
                let anthropic = try await api.client.send("GET", path + "?format=anthropic").json()["items"]?.array?
                    .first
                #expect(
                    (anthropic?["content"]?.array ?? []).map { $0["type"]?.string } == [
                        "image", "text", "document", "document",
                    ])
                let gemini = try await api.client.send("GET", path + "?format=gemini").json()["items"]?.array?.first
                #expect(gemini?["parts"]?.array?.first?["fileData"]?["mimeType"] == "image/gif")

                let without = try await api.client.send("GET", path + "?format=acontext&with_asset_public_url=false")
                    .json()
                #expect(without["public_urls"] == nil)
                let bare = try await api.client.send("GET", path + "?with_asset_public_url=0").json()["items"]?.array?
                    .first
                #expect(bare?["content"] == [["type": "text", "text": "see"]])
            }
        }
    }

    @Test("are stored once under an Idempotency-Key, and not uploaded again by a repeat")
    func repeats() async throws {
        try await withObjectStore { store in
            try await withAPI(objects: store) { api in
                let session = try await api.makeSession()
                let payload =
                    #"{"format":"acontext","blob":{"role":"user","parts":[{"type":"file","file_field":"f"}]}}"#
                let form =
                    "--b\r\n\(Self.header)payload\r\n\r\n\(payload)\r\n--b\r\n\(Self.header)f; filename=x\r\n\r\ny\r\n--b--"
                func send() async throws -> HTTPAnswer {
                    try await api.client.send(
                        "POST", "/api/v1/session/\(session)/messages",
                        headers: ["content-type": "multipart/form-data; boundary=b", "idempotency-key": "k"], body: form
                    )
                }
                let first = try await send()
                #expect(first.status == 201)
                let keys = try store.keys
                #expect(keys.count == 2)
                let again = try await send()
                #expect(again.body == first.body && again.headers["idempotency-replayed"] == "true")
                #expect(try store.keys == keys)
                #expect(try await api.database.value("SELECT count(*) FROM public.messages") == 1)
                #expect(try await api.database.value("SELECT sum(ref_count) FROM public.asset_references") == 2)
            }
        }
    }
}
