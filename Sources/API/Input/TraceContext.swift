import HTTPTypes
import Hummingbird
import JSON

/// The W3C trace context of a request (<https://www.w3.org/TR/trace-context/>), as it goes with an event to its
/// message.
enum TraceContext {
    private static let maxTraceparentBytes = 255
    private static let maxTracestateBytes = 512

    /// `traceparent`, and `tracestate` if there is one, under these names. Nothing unless the parent is valid, and
    /// without a state that is not: the context is a help for operators, never a reason to refuse a request.
    static func headers(of request: Request) -> [String: String] {
        guard let parent = request.headers[.traceparent], Self.isValid(traceparent: parent) else { return [:] }
        var headers = ["traceparent": parent]
        if let state = request.headers[.tracestate], Self.isValid(tracestate: state) { headers["tracestate"] = state }
        return headers
    }

    /// `<version>-<trace id>-<parent id>-<flags>` in lowercase hexadecimal; later versions may add more after a dash
    /// (§3.2).
    private static func isValid(traceparent: String) -> Bool {
        guard traceparent.utf8.count <= Self.maxTraceparentBytes, Self.isVisibleASCII(traceparent) else { return false }
        let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, zip(parts, [2, 32, 16, 2]).allSatisfy({ Self.isHex($0, digits: $1) }),
            parts[0] != "ff", parts[0] != "00" || parts.count == 4
        else { return false }
        return parts[1].contains { $0 != "0" } && parts[2].contains { $0 != "0" }
    }

    private static func isValid(tracestate: String) -> Bool {
        !tracestate.isEmpty && tracestate.utf8.count <= Self.maxTracestateBytes && Self.isVisibleASCII(tracestate)
    }

    private static func isHex(_ text: Substring, digits: Int) -> Bool {
        let capitals = UInt8(ascii: "A")...UInt8(ascii: "F")
        return text.utf8.count == digits && text.utf8.allSatisfy { hexDigitValue($0) != nil && !capitals.contains($0) }
    }

    private static func isVisibleASCII(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}
