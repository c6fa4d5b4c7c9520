import Support
import Testing

/// The envelope's fixed part.
struct EnvelopeBody: Decodable, Equatable {
    let code: Int
    let msg: String
}

/// The envelope with data.
struct DataBody<Value: Decodable>: Decodable {
    let data: Value
}

struct TaskBody: Decodable, Equatable {
    struct Content: Decodable, Equatable {
        let task_description: String
        let progresses: [String]?
        let user_preferences: [String]?
    }

    let id: String
    let session_id: String
    let project_id: String
    let order: Int
    let data: Content
    let status: String
    let is_planning: Bool
    let created_at: String
    let updated_at: String
}

struct TaskPage: Decodable {
    let items: [TaskBody]
    let has_more: Bool
    let next_cursor: String?
}

/// Checks status, envelope and content type of an answer, which all routes owe.
func expect(
    _ answer: HTTPAnswer,
    _ status: Int,
    code: Int? = nil,
    _ message: String,
    _ comment: String = "",
    at location: SourceLocation = #_sourceLocation
) throws {
    let note = Comment(rawValue: "\(comment): \(answer.text)")
    #expect(answer.status == status, note, sourceLocation: location)
    #expect(answer.headers["content-type"] == "application/json; charset=utf-8", note, sourceLocation: location)
    let body = try answer.decode(EnvelopeBody.self)
    #expect(
        body == EnvelopeBody(code: code ?? (status < 300 ? 0 : status), msg: message), note, sourceLocation: location
    )
}

extension HTTPAnswer {
    /// The data of a success.
    func data<Value: Decodable>(
        as type: Value.Type = Value.self,
        status: Int = 200,
        at location: SourceLocation = #_sourceLocation
    ) throws -> Value {
        try expect(self, status, "", at: location)
        return try self.decode(DataBody<Value>.self).data
    }
}
