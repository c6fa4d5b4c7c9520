/// A setting that is missing, malformed or out of range. Its description is one line and holds no secret.
struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    let variable: String
    let problem: String
    let example: String

    init(_ setting: Setting, _ problem: String) {
        self.variable = setting.variable
        self.problem = problem
        self.example = setting.example
    }

    var description: String {
        "\(self.variable): \(self.problem); example: \(self.variable)=\(self.example)"
    }
}
