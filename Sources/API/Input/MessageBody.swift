import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Tasks

/// What a client sends to have a message stored: `{format?, blob, meta?}`, alone, or as the field `payload` of a form
/// whose other fields are the files of the message's parts (contract.md §2.3).
struct MessageBody: Sendable {
    let format: MessageFormat
    private let message: NormalisedMessage
    /// An object; nil for none.
    private let userMeta: JSONValue?
    private let form: MultipartForm?

    /// Checks all that can be checked without a session, in the order that clients know.
    ///
    /// - Throws: `RequestError`, `JSONError`.
    init(_ body: [UInt8], of request: Request) throws {
        let boundary = MultipartForm.boundary(in: request.headers[.contentType])
        self.form = try boundary.map { boundary in try MultipartForm(body, boundary: boundary) }
        guard let payload = Self.payload(body, form: self.form, request) else { throw RequestError.invalidParameter }
        let object = try JSONObject(payload, members: ["format", "blob", "meta"])
        let name = try object.string("format") ?? ""
        guard let format = name.isEmpty ? .openai : MessageFormat(rawValue: name), let blob = try object.value("blob")
        else { throw RequestError.invalidParameter }
        self.userMeta = try MessageMetaBody.meta(in: object)
        do {
            self.message = try format.normalise(blob)
        } catch {
            throw RequestError.malformedMessage(format, error)
        }
        guard !self.message.parts.isEmpty else { throw RequestError.invalidParameter }
        self.format = format
    }

    /// Any other content type is a form without the fields.
    private static func payload(_ body: [UInt8], form: MultipartForm?, _ request: Request) -> [UInt8]? {
        guard let form else { return request.hasJSON ? body : nil }
        return form.field("payload").map { Array($0) }
    }

    /// - Throws: `RequestError.missingFile`, and `RequestError.invalidParameter` for more files than a form may have.
    func newMessage(session: UUID, project: UUID) throws(RequestError) -> NewMessage {
        var meta = self.message.meta.object ?? []
        if let userMeta, userMeta.object?.isEmpty == false {
            meta = meta.filter { $0.key != MessageMeta.user } + [.init(MessageMeta.user, userMeta)]
        }
        return NewMessage(
            sessionID: session, projectID: project, role: self.message.role, parts: self.message.parts,
            files: try self.files(), meta: .object(meta)
        )
    }

    private func files() throws(RequestError) -> [UploadedFile] {
        // Several parts may name one file: as many as a form may have, and all with the same bytes, which are there once.
        guard self.message.fileFields.count <= MultipartForm.maxParts else { throw .invalidParameter }
        var bytes: [String: [UInt8]] = [:]
        var files: [UploadedFile] = []
        for field in self.message.fileFields {
            guard let file = self.form?.file(field.name) else { throw .missingFile(field.name) }
            let content = bytes[field.name] ?? Array(file.content)
            bytes[field.name] = content
            files.append(
                UploadedFile(
                    part: field.part, filename: file.filename ?? "",
                    contentType: file.contentType ?? "application/octet-stream", bytes: content
                )
            )
        }
        return files
    }
}

/// What a client keeps with a message, as it sends it: the member `meta`, an object.
enum MessageMetaBody {
    static let maxBytes = 65_536

    /// - Throws: `RequestError.metaTooLarge`, `JSONError`; an absent or null member is nil.
    static func meta(in object: JSONObject) throws -> JSONValue? {
        guard let meta = try object.value("meta") else { return nil }
        guard meta.object != nil else { throw JSONError.wrongType }
        guard meta.text.utf8.count <= Self.maxBytes else { throw RequestError.metaTooLarge }
        return meta
    }
}
