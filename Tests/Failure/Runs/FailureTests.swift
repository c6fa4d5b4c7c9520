import Foundation
import Support
import Testing

/// The promises, kept under fire: the real binary, real servers that are killed, frozen and cut off, asserted from outside.
///
/// One at a time: all of them break the same pair of servers.
@Suite(.serialized, .privateServers)
struct FailureTests {}

/// Checks what a cluster's ledger holds, tells the first broken promise as a story, and adds lines to the report.
func judge(_ cluster: Cluster, _ reports: (Verdict) -> [Report]) throws {
    let history = cluster.ledger.history
    let verdict = Checker.check(history)
    for violation in verdict.violations.prefix(20) {
        Report.progress("broken promise: \(violation)")
        Issue.record("\(violation)")
    }
    if let first = verdict.violations.first {
        let story = "\(Timeline(of: first, in: history))\n\(cluster.logs)"
        Report.progress(story)
        Issue.record("\(story)")
    }
    // A run in which nothing happened proves nothing.
    #expect(verdict.eventCount > 0)
    #expect(!cluster.instances.contains { $0.log.contains(cluster.password) }, "a log holds a password")
    try Report.write(reports(verdict))
}
