import Foundation
import JSON
import Support
import Testing

@testable import API

extension HTTPAnswer {
    /// The data of a success, whatever it is.
    func json(status: Int = 200, at location: SourceLocation = #_sourceLocation) throws -> JSONValue {
        try expect(self, status, "", at: location)
        return try #require(try JSONValue(self.body)["data"], sourceLocation: location)
    }
}

extension HTTPProbe {
    /// Stores a message; `blob` and `meta` are JSON texts.
    func storeMessage(
        _ blob: String,
        format: String? = nil,
        meta: String? = nil,
        in session: UUID,
        headers: [String: String] = [:]
    ) async throws -> HTTPAnswer {
        let members = [format.map { #""format":"\#($0)""# }, meta.map { #""meta":\#($0)"# }, #""blob":\#(blob)"#]
        let body = "{" + members.compactMap { $0 }.joined(separator: ",") + "}"
        return try await self.send("POST", "/api/v1/session/\(session)/messages", headers: headers, body: body)
    }

    /// Sends a form; of each part its header lines and its content.
    func sendForm(
        _ path: String,
        _ parts: [(header: String, content: String)],
        boundary: String = "b0und4ry"
    ) async throws -> HTTPAnswer {
        let body =
            parts.map { "--\(boundary)\r\n\($0.header)\r\n\r\n\($0.content)\r\n" }.joined() + "--\(boundary)--\r\n"
        let type = "multipart/form-data; boundary=\(boundary)"
        return try await self.send("POST", path, headers: ["content-type": type], body: body)
    }
}

extension JSONValue {
    /// The texts of an array.
    var texts: [String] { (self.array ?? []).compactMap(\.string) }
}
