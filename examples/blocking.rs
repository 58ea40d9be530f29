//! The same library in a program without an async runtime: several threads at one till each, on one file.

use std::thread;

use crm_core::access::Actor;
use crm_core::branches::NewBranch;
use crm_core::catalog::NewProduct;
use crm_core::kernel::money::Money;
use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use crm_core::{Crm, Error, Result};
use crm_storage_diesel::DieselStorage;

const TILLS: usize = 4;
const SALES: usize = 50;

fn main() -> Result<()> {
    let file = std::env::temp_dir().join(format!("crm-blocking-{}.db", std::process::id()));
    let crm = Crm::builder(DieselStorage::open(&format!("sqlite:{}", file.display()))?).build_blocking()?;
    let operator = Actor::system();

    let (branch, tea) = crm.blocking().run(&operator, "set up", |work| {
        let branch = work.branches().create(NewBranch::named("Tel Aviv", "Asia/Jerusalem", "ILS"))?;
        let price = Money::new(1_200, branch.currency);
        let tea = work.catalog().create_product(NewProduct::goods("TEA", "תה", price))?;
        work.catalog().receive(tea.id, branch.id, 150)?;
        Ok::<_, Error>((branch.id, tea.id))
    })?;

    let tills: Vec<_> = (0..TILLS)
        .map(|till| {
            let (crm, operator) = (crm.clone(), operator.clone());
            thread::spawn(move || {
                let mut sold = 0;
                for n in 0..SALES {
                    let receipt_no = format!("{till}-{n}");
                    let sale = crm.blocking().run(&operator, "sale", move |work| {
                        let sale =
                            NewPurchase::of(branch, &receipt_no, [NewLine::of(tea, 1)], [NewTender::cash_rest()]);
                        work.purchases().record(&sale, &receipt_no)
                    });
                    match sale {
                        Ok(_) => sold += 1,
                        // 150 pieces, 200 tries: those who come too late get a clear answer, and nothing is oversold.
                        Err(Error::Invalid { rule: "stock.insufficient", .. }) => {}
                        Err(other) => return Err(other),
                    }
                }
                Ok(sold)
            })
        })
        .collect();
    let mut sold = 0;
    for till in tills {
        sold += till.join().map_err(|_| Error::Panicked)??;
    }

    let left = crm.blocking().read(&operator, "left", move |work| work.catalog().on_hand(tea, branch))?;
    println!("{sold} sold, {left} left, {} violations", crm.blocking().verify()?.len());
    crm.blocking().close()?;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    Ok(())
}
