"""Is a gradient the derivative of its loss? A verdict by numbers, and the cause where it is not."""

from backstory.auditing.audit import audit as audit
from backstory.auditing.report import Derivative as Derivative
from backstory.auditing.report import Report as Report
