/// The metadata keys of this module's log lines.
enum LogKey {
    static let method = "http.method"
    static let path = "http.path"
    static let route = "http.route"
    static let status = "http.status"
    static let microseconds = "http.duration_us"
}
