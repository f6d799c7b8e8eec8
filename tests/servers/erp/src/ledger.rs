//! What the operations do. Previews and reads take `&self`, so that they cannot change anything; every side effect is
//! in the journal before it happens.

use std::collections::BTreeMap;

use acme_mcp::journal::Journal;
use serde_json::{Value, json};

use crate::arguments::{Currency, NewAccount, NewSupplier, Note, Number, Refund};
use crate::records::{self, Cancellation, Invoice, Order, Payment, Refunded, Status, Supplier};

/// Orders, invoices and suppliers of one run.
#[derive(Debug)]
pub(crate) struct Ledger {
    orders: BTreeMap<String, Order>,
    invoices: BTreeMap<String, Invoice>,
    suppliers: BTreeMap<String, Supplier>,
    refunds: u64,
    journal: Journal,
}

/// Why the ERP does not do what it was asked for. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no {kind} {number}")]
    Absent { kind: &'static str, number: String },
    #[error("order {0} is cancelled")]
    Cancelled(String),
    #[error("order {order_id} was paid in {paid:?}")]
    OtherCurrency { order_id: String, paid: Currency },
    #[error("order {order_id} has {left_cents} cents left to refund")]
    TooMuch { order_id: String, left_cents: u64 },
    #[error("the journal cannot be written")]
    Journal(#[source] std::io::Error),
}

impl Ledger {
    /// A ledger with the first records; side effects go to `journal` too.
    pub(crate) fn new(journal: Journal) -> Self {
        Self {
            orders: records::orders(),
            invoices: records::invoices(),
            suppliers: records::suppliers(),
            refunds: 0,
            journal,
        }
    }

    pub(crate) fn order(&self, order_id: &Number) -> Result<&Order, Refusal> {
        find(&self.orders, "order", &order_id.0)
    }

    pub(crate) fn invoice(&self, invoice_id: &Number) -> Result<&Invoice, Refusal> {
        find(&self.invoices, "invoice", &invoice_id.0)
    }

    /// What [`Ledger::refund`] would answer, without the number of the refund.
    pub(crate) fn preview_refund(&self, refund: &Refund) -> Result<Refunded, Refusal> {
        let Refund {
            order_id,
            amount_cents,
            currency,
            bank_account,
        } = refund;
        let order = self.open_order(order_id)?;
        let order_id = order.order_id.clone();
        if order.currency != *currency {
            return Err(Refusal::OtherCurrency {
                order_id,
                paid: order.currency,
            });
        }
        let left_cents = order.total_cents.saturating_sub(order.refunded_cents);
        let Some(left_after_cents) = left_cents.checked_sub(amount_cents.0) else {
            return Err(Refusal::TooMuch {
                order_id,
                left_cents,
            });
        };
        let iban = bank_account
            .as_ref()
            .map_or(&order.payment.iban, |account| &account.0);
        Ok(Refunded {
            refund_id: None,
            order_id,
            amount_cents: amount_cents.0,
            currency: *currency,
            left_after_cents,
            customer: order.customer.clone(),
            payment: Payment {
                iban: iban.clone(),
                ..order.payment
            },
        })
    }

    pub(crate) fn refund(&mut self, refund: &Refund) -> Result<Refunded, Refusal> {
        // The same checks as in the preview, so that both give one answer.
        let preview = self.preview_refund(refund)?;
        let count = self.refunds.saturating_add(1);
        let done = Refunded {
            refund_id: Some(format!("R-{count}")),
            ..preview
        };
        // The journal first: an effect that cannot be written down does not happen.
        self.write(&json!({"effect": "create_refund", "refund": done}))?;
        self.refunds = count;
        let order = find_mut(&mut self.orders, "order", &done.order_id)?;
        order.refunded_cents = order.refunded_cents.saturating_add(done.amount_cents);
        Ok(done)
    }

    pub(crate) fn note(&mut self, Note { order_id, note }: &Note) -> Result<Value, Refusal> {
        // Before the journal, which must not hold what is refused.
        self.order(order_id)?;
        self.write(&json!({"effect": "update_order_note", "order_id": order_id, "note": note}))?;
        let order = find_mut(&mut self.orders, "order", &order_id.0)?;
        order.note.clone_from(&note.0);
        Ok(json!({"order_id": order_id, "note": note}))
    }

    /// What [`Ledger::cancel`] would answer, with the status as it is.
    pub(crate) fn preview_cancel(&self, order_id: &Number) -> Result<Cancellation, Refusal> {
        let order = self.open_order(order_id)?;
        Ok(Cancellation {
            order_id: order.order_id.clone(),
            status: order.status,
            currency: order.currency,
            repaid_cents: order.total_cents.saturating_sub(order.refunded_cents),
            customer: order.customer.clone(),
            payment: order.payment.clone(),
        })
    }

    pub(crate) fn cancel(&mut self, order_id: &Number) -> Result<Cancellation, Refusal> {
        let preview = self.preview_cancel(order_id)?;
        let done = Cancellation {
            status: Status::Cancelled,
            ..preview
        };
        self.write(&json!({"effect": "cancel_order", "cancellation": done}))?;
        let order = find_mut(&mut self.orders, "order", &done.order_id)?;
        // Whatever was left is paid back.
        order.refunded_cents = order.total_cents;
        order.status = done.status;
        Ok(done)
    }

    pub(crate) fn add_supplier(&mut self, new: &NewSupplier) -> Result<Value, Refusal> {
        let NewSupplier {
            name,
            country,
            iban,
        } = new;
        let supplier = Supplier {
            supplier_id: format!("S-{}", self.suppliers.len().saturating_add(1)),
            name: name.0.clone(),
            country: *country,
            iban: iban.0.clone(),
        };
        self.write(&json!({"effect": "create_supplier", "supplier": supplier}))?;
        let shown = json!(supplier);
        self.suppliers
            .insert(supplier.supplier_id.clone(), supplier);
        Ok(shown)
    }

    pub(crate) fn change_account(&mut self, new: &NewAccount) -> Result<Value, Refusal> {
        let NewAccount { supplier_id, iban } = new;
        find(&self.suppliers, "supplier", &supplier_id.0)?;
        self.write(&json!({
            "effect": "change_supplier_bank_account",
            "supplier_id": supplier_id,
            "iban": iban,
        }))?;
        let supplier = find_mut(&mut self.suppliers, "supplier", &supplier_id.0)?;
        supplier.iban.clone_from(&iban.0);
        Ok(json!(supplier))
    }

    fn open_order(&self, order_id: &Number) -> Result<&Order, Refusal> {
        let order = self.order(order_id)?;
        match order.status {
            Status::Paid => Ok(order),
            Status::Cancelled => Err(Refusal::Cancelled(order.order_id.clone())),
        }
    }

    fn write(&self, effect: &Value) -> Result<(), Refusal> {
        self.journal.write(effect).map_err(Refusal::Journal)
    }
}

fn absent(kind: &'static str, number: &str) -> Refusal {
    Refusal::Absent {
        kind,
        number: number.to_owned(),
    }
}

fn find<'a, T>(
    all: &'a BTreeMap<String, T>,
    kind: &'static str,
    number: &str,
) -> Result<&'a T, Refusal> {
    all.get(number).ok_or_else(|| absent(kind, number))
}

fn find_mut<'a, T>(
    all: &'a mut BTreeMap<String, T>,
    kind: &'static str,
    number: &str,
) -> Result<&'a mut T, Refusal> {
    all.get_mut(number).ok_or_else(|| absent(kind, number))
}
