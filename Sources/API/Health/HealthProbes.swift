/// What the process tells a monitor of itself. Anybody may ask, and often: each answers in bounded time and costs the database nothing more
/// for it.
package struct HealthProbes: Sendable {
    /// Why no work should be sent here; none when all is well. Told to the caller, so without secrets.
    package var notReadyReasons: @Sendable () async -> [String] = { [] }
    /// The metrics, in the Prometheus text format.
    package var metrics: @Sendable () async -> String = { "" }

    package init() {}
}
