import HTTPTypes
import Hummingbird

/// Makes the answers that clients know: `{"code", "data"?, "msg"}` (contract.md §1).
enum Envelope {
    static let contentType = "application/json; charset=utf-8"

    /// Success with data.
    static func data(_ status: HTTPResponse.Status = .ok, write: (inout JSONWriter) -> Void) -> Response {
        Self.response(status, Self.body(data: write))
    }

    /// The bytes of a success with data.
    static func body(data write: (inout JSONWriter) -> Void) -> ByteBuffer {
        var writer = JSONWriter()
        writer.object { envelope in
            envelope.member("code", 0)
            envelope.key("data")
            write(&envelope)
            envelope.member("msg", "")
        }
        return writer.buffer
    }

    /// Success without data.
    static func message(_ message: String) -> Response {
        Self.bare(.ok, code: 0, message: message)
    }

    /// Anything but success.
    static func failure(_ failure: Failure, requestID: String?) -> Response {
        var response = Self.bare(failure.status, code: failure.code, message: failure.message)
        response.headers[.requestID] = requestID
        if failure.isWorthRetrying { response.headers[.retryAfter] = "1" }
        if failure.closesConnection { response.headers[.connection] = "close" }
        if let challenge = failure.challenge { response.headers[.wwwAuthenticate] = challenge }
        if let allow = failure.allow { response.headers[.allow] = allow }
        if let location = failure.location { response.headers[.location] = location }
        return response
    }

    private static func bare(_ status: HTTPResponse.Status, code: Int, message: String) -> Response {
        Self.response(status, Self.body(code: code, message: message))
    }

    /// An answer whose body is an envelope's bytes already.
    static func response(_ status: HTTPResponse.Status, _ body: ByteBuffer) -> Response {
        Response(status: status, headers: [.contentType: Self.contentType], body: .init(byteBuffer: body))
    }

    /// The bytes of an envelope without data.
    static func body(code: Int, message: String) -> ByteBuffer {
        var writer = JSONWriter()
        writer.object { envelope in
            envelope.member("code", code)
            envelope.member("msg", message)
        }
        return writer.buffer
    }
}

extension HTTPField.Name {
    /// The id under which the request stands in the log.
    static let requestID = Self.token("X-Request-Id")

    /// A name of our own.
    static func token(_ text: StaticString) -> Self {
        guard let name = Self("\(text)") else { preconditionFailure("a header's name is a token (RFC 9110 §5.1)") }
        return name
    }
}
