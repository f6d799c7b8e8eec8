//! Which step of the [`Ledger`] each function is.

use acme_mcp::JsonObject;
use acme_mcp::server::{CallError, System, parsed, shown};
use serde_json::Value;

use crate::arguments::{NewAccount, NewSupplier, Note, OfInvoice, OfOrder, Refund};
use crate::ledger::{Ledger, Refusal};

impl System for Ledger {
    type Refusal = Refusal;

    fn call(
        &mut self,
        function: &str,
        arguments: JsonObject,
    ) -> Result<Value, CallError<Self::Refusal>> {
        match function {
            "get_order" => shown(self.order(&parsed::<OfOrder, _>(arguments)?.order_id)),
            "get_invoice" => shown(self.invoice(&parsed::<OfInvoice, _>(arguments)?.invoice_id)),
            "preview_refund" => shown(self.preview_refund(&parsed::<Refund, _>(arguments)?)),
            "create_refund" => shown(self.refund(&parsed::<Refund, _>(arguments)?)),
            "update_order_note" => shown(self.note(&parsed::<Note, _>(arguments)?)),
            "cancel_order" => shown(self.cancel(&parsed::<OfOrder, _>(arguments)?.order_id)),
            "preview_cancel" => {
                shown(self.preview_cancel(&parsed::<OfOrder, _>(arguments)?.order_id))
            }
            "create_supplier" => shown(self.add_supplier(&parsed::<NewSupplier, _>(arguments)?)),
            "change_supplier_bank_account" => {
                shown(self.change_account(&parsed::<NewAccount, _>(arguments)?))
            }
            other => Err(CallError::Unknown(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
