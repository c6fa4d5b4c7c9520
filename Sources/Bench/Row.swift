/// One thing that is measured, and what is wanted of it.
struct Row: Sendable {
    enum Target: Sendable {
        /// The quotient of the value and what it is compared to.
        case ratio(atLeast: Double)
        case ratioAtMost(Double)
        case value(atMost: Double)
        case stated
    }

    let name: String
    let unit: String
    /// What stands beside it in the same run.
    var comparedTo = ""
    let target: Target
    /// Takes `runs` samples.
    let measure: @Sendable (Bench) async throws -> [Sample]

    static let all = PatchRows.all + RelayRows.all + ReplayRows.all + CostRows.all
}

/// One measurement.
struct Sample: Sendable {
    var value: Double
    /// The same of what it is compared to, measured beside it.
    var comparedTo: Double?
    /// What else was seen.
    var note = ""
    /// Why the value does not count: the row's target is not met then, whatever the values.
    var fault: String?
}
