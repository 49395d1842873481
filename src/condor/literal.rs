//! Values as they are written in text: `1`, `1.5E3`, `"a b"`, `true`, `{ 1, 2 }`, `[ A = 1; ]`. What is none of these is an expression.

use super::value::Value;

pub(super) fn parse(text: &str) -> Value {
    Value::Expression(text.into())
}
