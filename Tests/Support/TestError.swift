/// Why a test could not go on, in words that stand in its report.
package struct TestError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
